"""Files as strangers' tools write them, each of which was read wrongly or refused for no reason."""

import json

import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import examine, read


@pytest.fixture
def files(tmp_path):
    """Writes files by their paths; the folder that holds them."""

    def _files(contents):
        for name, content in contents.items():
            path = tmp_path / "runs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "runs"

    return _files


def answered(path, **given):
    """The account under the answers that the questions hold to be likely."""
    with pytest.raises(TableError) as asked:
        examine(path, **given)
    answers = dict(asked.value.answers)
    if "columns" in answers:
        answers["mapping"] = answers.pop("columns")
    return examine(path, **given, **answers)


def test_rows_of_one_place_are_told_apart(files):
    def results(step):
        tasks = {"arc": {"acc,none": step / 9, "acc_norm,none": 0.5}}
        config = {"model_args": f"pretrained=p,revision={step}", "model_num_parameters": 100}
        return {"results": tasks, "versions": {"arc": 1}, "config": config}

    path = files({f"{step}/results.json": results(step) for step in (1, 2, 4)})
    sweep = read(path, metric="arc/acc")
    assert sweep["error"] == pytest.approx([8 / 9, 7 / 9, 5 / 9])


def test_epochs_order_a_log_that_does_not_say_how_large_they_are(files):
    lines = "".join(f'{{"imagenet-zeroshot-val-top1": 0.{e}, "epoch": {e}}}\n' for e in (1, 3, 2))
    path = files({"a/checkpoints/results.jsonl": lines})
    asked = {"metric": "imagenet-zeroshot-val-top1", "restarts": "unordered"}
    assert read(path, **asked)["error"] == pytest.approx([0.7])
    assert len(read(path, points="all", **asked)) == 3


def test_a_curve_is_neither_runs_nor_repeats(files):
    history = {"loss": [3.0, 2.0, 1.0], "val_accuracy": [0.25, 0.5, 0.75]}
    path = files({"a.json": history, "b.json": history})
    with pytest.raises(TableError, match=r"'a' has 3 points, along 'epoch': the last one of each"):
        read(path, metric="val_accuracy")
    assert answered(path).sweep["error"].tolist() == [0.25, 0.25]


def test_a_configuration_is_no_measurement(files):
    path = files({"a.csv": 'Name,State,path,acc\nr,finished,"/x",.5\ns,finished,"/y",.25\n'})
    assert read(path / "a.csv")["error"].tolist() == [0.5, 0.75]


def test_epochs_of_a_configuration_are_no_axis(files):
    records = [{"config": {"epochs": e}, "acc": e / 8} for e in (1, 4, 2)]
    found = answered(files({"a.json": records}) / "a.json")
    assert found.sweep["epochs"].tolist() == [1, 4, 2]
    assert not any("goes back" in note for note in found.sweep.notes)


def test_an_input_that_nobody_mapped_comes_before_the_best_of_each(files):
    rows = "rule,keep,dataset_size,error\nhard,20%,100,.5\nhard,100%,100,.25\n"
    notes = " ".join(read(files({"a.csv": rows}) / "a.csv").notes)
    assert "is an input not mapped, mapping={'keep_fraction': 'keep'}" in notes
    assert "takes the best" not in notes


def test_the_value_of_a_tuner_is_proposed(files):
    rows = "number,value,params_keep,state\n0,.5,.2,COMPLETE\n1,.25,1,COMPLETE\n"
    with pytest.raises(
        TableError, match=r"2 things(?s:.*)metric='value'(?s:.*)is 'value' an error or"
    ):
        read(files({"a.csv": rows}) / "a.csv")


def test_nothing_is_asked_twice(files):
    with pytest.raises(TableError) as asked:
        read(
            files({"a.json": [{"a": 1, "b": {"tokens": 5}}, {"a": 2, "b": {"tokens": 6}}]})
            / "a.json"
        )
    assert str(asked.value).count("no column 'error'") == 1 and asked.value.unanswered
