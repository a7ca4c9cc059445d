"""Logs of common tools and JSON of any form, in the shape in which the tools write them."""

import json

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import TableError
from prunelaw_sim.readers import examine, read, recognise


@pytest.fixture
def folder(tmp_path):
    """Writes files by their paths; the folder that holds them."""

    def _folder(files):
        for name, content in files.items():
            path = tmp_path / "runs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else json.dumps(content, indent=1)
            path.write_text(text, encoding="utf-8")
        return tmp_path / "runs"

    return _folder


# --- JSON

RECORDS = [{"run": n, "config": {"lr": 0.1}, "error": e} for n, e in (("a", 0.5), ("b", 0.25))]
FRAME = pd.DataFrame([{"run": r["run"], "error": r["error"]} for r in RECORDS])


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2),
        "\n".join(map(json.dumps, RECORDS)),
        json.dumps({r["run"]: {"error": r["error"]} for r in RECORDS}),
        *(FRAME.to_json(orient=o) for o in ("records", "columns", "split", "table")),
        json.dumps({"date": "2026", "runs": [{"run": "x", **r} for r in RECORDS]}),
        json.dumps({"run": ["a", "b"], "error": [0.5, 0.25]}),
    ],
)
def test_runs_of_any_json(tmp_path, content):
    (tmp_path / "x.dat").write_text(content)
    names = {"error": "runs.error", "run": "runs.run"} if '"date"' in content else {}
    sweep = read(tmp_path / "x.dat", mapping=names)
    assert (sweep["run"].tolist(), sweep["error"].tolist()) == (["a", "b"], [0.5, 0.25])


@pytest.mark.parametrize("end", [".json", ".txt", "/metrics.json"])
def test_a_file_a_run(folder, end):
    path = folder(
        {f"{r['run']}{end}": {"config": r["config"], "error": r["error"]} for r in RECORDS}
    )
    sweep = read(path)
    assert (sweep["run"].tolist(), sweep["error"].tolist()) == (["a", "b"], [0.5, 0.25])
    assert "config.lr" in examine(path).ignored
    folder({f"c{end}": '{"error": '})
    with pytest.raises(TableError, match=r"c.*JSON ends early"):
        read(path)


def test_a_history_is_counted_from_1(tmp_path):
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"loss": [2.0, 1.0, 0.5], "val_loss": [2.1, 1.5, 1.2]}))
    sweep = read(path, metric="val_loss", mapping={"epochs": "epoch"}, constants={"run": "a"})
    assert sweep["epochs"].tolist() == [1, 2, 3]
    final = read(path, metric="val_loss", constants={"run": "a"}, points="final")
    assert final["error"].tolist() == [1.2]


def test_evaluations_of_one_run_are_told_apart(folder):
    sets = [{"loss": 3.0 + i, "data": [f"set{i}"]} for i in range(3)]
    runs = {
        f"{name}.json": {"name": name, "hyper": {"tokens": n, "params": 5}, "results": sets}
        for name, n in (("a", 100), ("b", 200))
    }
    path = folder(runs)
    with pytest.raises(TableError) as asked:
        read(path)
    assert "its rows differ in 'results.data': where={'results.data': 'set0'}" in str(asked.value)
    answers = dict(asked.value.answers)
    assert answers["columns"] == {"samples_seen": "hyper.tokens", "parameters": "hyper.params"}
    sweep = read(
        path, mapping=answers["columns"], metric=answers["metric"], where={"results.data": "set1"}
    )
    assert sweep["error"].tolist() == [4.0, 4.0] and sweep["samples_seen"].tolist() == [100, 200]


def test_the_same_runs_in_three_forms(case):
    names = {"pool": "dataset", "samples_seen": "tokens", "parameters": "params"}
    lines, array = (
        read(case(f"03-scaling-{form}"), metric="loss", mapping=names).frame
        for form in ("lines.jsonl", "array.json")
    )
    assert lines.equals(array) and len(lines) == 30
    names = {"samples_seen": "hyperparameters.tokens", "parameters": "hyperparameters.params"}
    models = read(
        case("03-scaling-models"), metric="results.loss", mapping=names,
        where={"results.val_data": "shard-{0000000..0000010}.tar"},
    ).frame  # fmt: skip
    both = lines.merge(models, on="run")
    assert len(both) == 30
    assert np.array_equal(both["error_x"], both["error_y"])
    assert np.array_equal(both["samples_seen_x"], both["samples_seen_y"])


# --- logs of tools


def test_lm_eval(folder):
    def results(acc, **config):
        tasks = {
            "arc_easy": {"alias": "arc_easy", "acc,none": acc, "acc_stderr,none": 0.01},
            "wikitext": {"word_perplexity,none": 20.0, "word_perplexity_stderr,none": "N/A"},
        }
        return {"results": tasks, "versions": {"arc_easy": 1.0}, "config": config}

    path = folder(
        {
            "m/results_2026-01.json": results(0.4, model_args="pretrained=py-1,revision=step9"),
            "n/results_2026-02.json": results(0.5, model_args={"pretrained": "py-2"}),
        }
    )
    assert recognise(path)[0] == "lm_eval"
    with pytest.raises(TableError, match=r"choose metric= from arc_easy/acc, wikitext/word_perp"):
        read(path)
    sweep = read(path, metric="arc_easy/acc", mapping={"error_se": "stderr"})
    assert sweep["run"].tolist() == ["py-1 step9", "py-2"]
    assert sweep["error"] == pytest.approx([0.6, 0.5]) and (sweep["error_se"] == 0.01).all()


def test_ray(folder):
    table = "loss,acc,training_iteration,time_total_s,trial_id,done,config/seed,config/lr\n"
    rows = [f"{1 / i},{i / 10},{i},{i},t{{0}},False,{{0}},.1\n" for i in (1, 2, 3)]
    report = (
        '{{"acc": {0}, "training_iteration": {1}, "time_total_s": 1, "config": {{"seed": 2}}}}\n'
    )
    path = folder(
        {
            "train_1/progress.csv": table + "".join(rows).format(1),
            "train_1/result.json": report.format(0.9, 1),
            "train_1/params.json": {"lr": 0.1},
            "train_2/result.json": report.format(0.1, 1) + report.format(0.6, 2),
        }
    )
    sweep = read(path, metric="acc")
    assert sweep["error"] == pytest.approx([0.7, 0.4]) and sweep["seed"].tolist() == [1, 2]
    assert sweep["run"].tolist() == ["t1", "train_2"]


def test_mlruns(folder):
    def meta(run, status=3, stage="active"):
        return f"run_id: {run}\nrun_name: name-{run}\nstatus: {status}\nlifecycle_stage: {stage}\n"

    files = {"0/meta.yaml": "experiment_id: '0'\nname: Default\n"}
    for run, error in (("a", 0.5), ("b", 0.25)):
        files |= {
            f"0/{run}/meta.yaml": meta(run),
            f"0/{run}/metrics/val/err": f"1700 {2 * error} 10\n1701 {error} 20\n",
            f"0/{run}/params/batch_size": "64",
            f"0/{run}/tags/mlflow.user": "me",
        }
    files |= {"0/c/meta.yaml": meta("c", 4), "0/c/metrics/val/err": "1700 .9 10\n"}
    files |= {"0/d/meta.yaml": meta("d", 3, "deleted"), "0/d/metrics/val/err": "1700 .9 10\n"}
    sweep = read(folder(files))
    assert sweep["run"].tolist() == ["name-a", "name-b"] and sweep["error"].tolist() == [0.5, 0.25]
    assert sweep["samples_seen"].tolist() == [1280, 1280]
    said = " ".join(sweep.notes)
    assert "1 deleted runs are left out" in said and "not finished: FAILED" in said
    folder({"0/a/metrics/val/err": "1700 .5 10 x\n"})
    with pytest.raises(TableError, match=r"err, line 1: not `time value step`"):
        read(folder({}))


def test_downloads_of_tensorboard(folder):
    rows = "Wall time,Step,Value\n1.0,10,{0}\n2.0,20,{1}\n"
    path = folder(
        {
            "run-web_s1-tag-val_acc.csv": rows.format(0.5, 0.75),
            "run-web_s1-tag-lr.csv": rows.format(0.1, 0.1),
            "run-web_s2-tag-val_acc.csv": rows.format(0.5, 0.625),
        }
    )
    sweep = read(path, metric="val_acc", batch_size=8)
    assert sweep["run"].tolist() == ["web_s1", "web_s2"]
    assert sweep["error"].tolist() == [0.25, 0.375] and sweep["samples_seen"].tolist() == [160, 160]


def test_timm_and_open_clip(folder):
    rows = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n0,6,6,0.5,2,.1\n1,5,5,40,60,.1\n"
    known = {"metric": "eval_top1", "unique_samples": 1000}
    path = folder({"a/summary.csv": rows, "b/summary.csv": rows.replace("40", "44")})
    with pytest.raises(TableError, match=r"column 'epoch': 0 is before training, or the first"):
        read(path, **known)
    sweep = read(path, zero="done", **known)
    assert sweep["error"] == pytest.approx([0.6, 0.56]) and sweep["epochs"].tolist() == [2, 2]
    line = '{{"imagenet-zeroshot-val-top1": {0}, "epoch": {1}, "num_samples": 5}}\n'
    path = folder({"c/checkpoints/results.jsonl": line.format(0.25, 1) + line.format(0.5, 2)})
    sweep = read(path / "c", metric="imagenet-zeroshot-val-top1", unique_samples=1000)
    assert sweep["error"].tolist() == [0.5] and sweep["samples_seen"].tolist() == [2000]


def test_the_logs_among_the_cases_ask(case):
    for name in ("23-timm_summary.csv", "23-openclip_results.jsonl"):
        with pytest.raises(TableError, match=r"which measurement(?s:.*)zero='done'"):
            read(case(name))
