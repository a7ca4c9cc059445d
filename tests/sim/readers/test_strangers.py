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


ROWS = [("pool", "samples_seen", "error"), ("web", 1000, 0.5), ("raw", 2000, 0.25)]


@pytest.mark.parametrize(
    "text",
    [
        "| pool | samples_seen | error |\n|:-----|----:|:---:|\n| web | 1000 | .5 |\n"
        "| raw | 2000 | .25 |\n",
        "pool | samples_seen | error\n--- | --- | ---\nweb | 1000 | .5\nraw | 2000 | .25\n",
        "pool  samples_seen   error\nweb   1000   .5\nraw   2000  .25\n",
        "# pool samples_seen error\nweb 1e3 5e-1\nraw 2e3 2.5e-1\n",
        "pool & samples_seen & error \\\\\nweb & 1000 & .5 \\\\\nraw & 2000 & .25 \\\\\n",
        "pool,samples_seen,error\nweb,1000,.5\n,,\nraw,2000,.25\n ,,\n",
        json.dumps(ROWS),
    ],
)
def test_tables_as_they_are_pasted(files, text):
    sweep = read(files({"a": text}) / "a")
    assert sweep["pool"].tolist() == ["web", "raw"] and sweep["error"].tolist() == [0.5, 0.25]
    assert sweep["samples_seen"].tolist() == [1000, 2000]


@pytest.mark.parametrize("mark", ["^", "~", ":"])
def test_the_delimiter_that_is_there_is_proposed(files, mark):
    text = "\n".join(mark.join(map(str, row)) for row in ROWS)
    assert answered(files({"a": text}) / "a").sweep["error"].tolist() == [0.5, 0.25]


def test_lines_above_the_header(files):
    with pytest.raises(TableError, match=r"line 3: 2 cells.*a title above the header\? Begin such"):
        read(files({"a": "My results\n\nrun,error\na,.5\nb,.4\n"}) / "a")


def test_runs_whose_names_begin_with_a_hash(files):
    found = answered(files({"a": "run,error\n#1,.5\n#2,.25\n"}) / "a")
    assert found.sweep["run"].tolist() == ["#1", "#2"]


def test_configuration_and_measurements_of_a_folder_are_one_run(files):
    contents = {}
    for name, error in (("a", 0.5), ("b", 0.25)):
        contents |= {f"{name}/config.json": {"seed": 3}, f"{name}/metrics.json": {"error": error}}
    sweep = read(files(contents))
    assert sweep["run"].tolist() == ["a", "b"] and sweep["error"].tolist() == [0.5, 0.25]
    assert sweep["seed"].tolist() == [3, 3]
    curves = {f"{n}/metrics.json": [{"epoch": e, "error": 1 / e} for e in (1, 2)] for n in "ab"}
    curve = read(files(curves), points="final")
    assert curve["error"].tolist() == [0.5, 0.5] and curve["seed"].tolist() == [3, 3]


def test_files_of_one_kind_are_runs_of_their_own(files):
    names = [f"{pool}/seed{seed}.json" for pool in ("raw", "web") for seed in (0, 1)]
    path = files({name: {"error": 0.5, "samples_seen": 1000} for name in names})
    sweep = read(path, from_run="{pool}/seed{seed}")
    assert sweep["pool"].tolist() == ["raw", "raw", "web", "web"]
    assert sweep["seed"].tolist() == [0, 1, 0, 1]


def test_keys_of_objects_are_kept(files):
    nested = {pool: {n: {"error": 0.5} for n in ("1000", "2000")} for pool in ("raw", "web")}
    sweep = read(files({"a": nested}) / "a", from_run="{pool}/{samples_seen}")
    assert sweep["samples_seen"].tolist() == [1000, 2000, 1000, 2000]
    table = {"error": {"1000": 0.5, "2000": 0.25}, "seed": {"1000": 0, "2000": 0}}
    sweep = read(files({"b": table}) / "b", mapping={"samples_seen": "(index)"})
    assert sweep["samples_seen"].tolist() == [1000, 2000]


def test_a_log_without_names_of_runs_is_noted(files):
    rows = "epoch,val_loss\n1,3\n2,2\n3,1\n"
    notes = " ".join(read(files({"a": rows}) / "a", metric="val_loss").notes)
    assert "rows lie along 'epoch'" in notes and "--constant run=a" in notes


def test_a_list_beside_a_measurement_is_a_setting(files):
    record = {"error": 0.5, "betas": [0.9, 0.999], "layers": [64, 64, 64]}
    sweep = read(files({"a.json": record, "b.json": record}))
    assert sweep["run"].tolist() == ["a", "b"]
    history = {"val_loss": [3.0, 2.0, 1.0], "betas": [0.9, 0.999], "lr": [0.1, 0.1, 0.01]}
    assert len(read(files({"h/c.json": history}) / "h/c.json", metric="val_loss")) == 3


def test_json_on_one_long_line(tmp_path, monkeypatch):
    monkeypatch.setattr("prunelaw_sim.readers._files.LONGEST_LINE", 100)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"run": f"r{i}", "error": 0.5} for i in range(20)]))
    assert len(read(path)) == 20


def test_an_axis_that_nobody_mapped_may_be_missing(files):
    path = files({"a": "run,epoch,error\na,1,.5\nb,,.25\n"}) / "a"
    assert read(path)["error"].tolist() == [0.5, 0.25]


def test_columns_of_a_table_are_no_history(files):
    table = {"N": [1e8, 2e8, 1e8], "D": [1e9, 1e9, 2e9], "loss": [3.0, 2.5, 2.75]}
    found = answered(files({"a.json": table}) / "a.json")
    assert found.sweep["samples_seen"].tolist() == [1e9, 1e9, 2e9]
    assert not any("goes back" in note or "epoch" in note for note in found.sweep.notes)
