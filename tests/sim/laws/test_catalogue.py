"""A law is one file: what every fit says, and the law of a page, found outside the package."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sim.laws.pools import noisy_table

import prunelaw
from prunelaw_figures.cli import main
from prunelaw_sim import LAWS, Sweep, compare_laws, fit
from prunelaw_sim.fits import rows
from prunelaw_sim.laws.catalogue import (
    chinchilla,
    data_constrained,
    effective_data,
    names,
    no_decay,
    overfit,
    power_law,
    power_law_floor,
    pruning,
    utility,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fits.md"
MODULES = {
    "chinchilla": chinchilla,
    "data-constrained": data_constrained,
    "effective-data": effective_data,
    "no-decay": no_decay,
    "overfit": overfit,
    "power-law": power_law,
    "power-law-floor": power_law_floor,
    "pruning": pruning,
    "utility": utility,
}


def pruned() -> Sweep:
    """The pruning theory itself, at N = 60 and three seeds with a little noise."""
    rng, found = np.random.default_rng(0), []
    for size in (60.0, 180.0, 540.0, 1620.0):
        for rule in ("hard", "easy", "random"):
            error = float(prunelaw.solve(size / 60.0, 0.5, 0.4, rule).error)
            found += [(size, 0.5, rule, s, error + 0.002 * rng.normal()) for s in range(3)]
    columns = ["dataset_size", "keep_fraction", "rule", "seed", "error"]
    return Sweep.from_frame(pd.DataFrame(found, columns=pd.Index(columns)), "made")


def sized() -> Sweep:
    table = noisy_table().assign(metric="loss")
    return Sweep.from_frame(table.assign(parameters=np.tile([1e6, 3e6, 1e7, 3e7], 7)), "made")


@pytest.mark.parametrize("law", LAWS)
def test_every_law_says_the_same_of_its_fit(law):
    """One protocol: numbers that belong together, whatever the law."""
    assert LAWS[law] is MODULES[law].LAW
    sweep = pruned() if law == "pruning" else sized()
    budget = LAWS[law].budget
    found = fit(law, sweep, hold_out_above=float(np.quantile(sweep[budget], 0.7)))
    assert found.law == law and set(found.standard_errors) == set(found.values)
    assert found.free == len(found.values) and np.isfinite(found.aicc)
    off = found.residuals
    assert found.rmse == pytest.approx(np.sqrt(np.mean(off[found.fitted] ** 2)))
    assert found.held_out is not None and found.held_out.points == (~found.fitted).sum()
    assert found.held_out.rmse == pytest.approx(np.sqrt(np.mean(off[~found.fitted] ** 2)))
    assert (found.describes is None) == (law != "pruning") and not found.reasons
    assert set(found.not_identified) <= set(found.values)
    assert all(w.kind and w.message for w in found.warnings)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["law"] == law and plain["held_out"]["points"] == found.held_out.points
    if law in ("pruning", "no-decay", "power-law"):
        for name, one in found.intervals(0.8).items():
            assert one.low <= found.values[name] <= one.high and one.level == 0.8
    frame = getattr(found, "table", sweep.frame)  # its points, where replicates are averaged
    np.testing.assert_allclose(found.predict(frame), found.predicted, rtol=1e-9)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The law of the page, in a folder of its own."""
    from prunelaw_sim.laws import catalogue

    text = PAGE.read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1]
    assert len(code.splitlines()) <= 45
    (tmp_path / "toy.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])


def test_a_law_of_your_own_is_one_file(toy, tmp_path):
    seen = np.geomspace(1e3, 1e6, 12)
    noise = np.random.default_rng(0).normal(0.0, 0.01, 12)
    frame = pd.DataFrame({"samples_seen": seen, "error": 9.0 * seen**-0.5 * np.exp(noise)})
    sweep = Sweep.from_frame(frame, "made")
    assert "toy" in LAWS and "toy" in names()
    found = fit("toy", sweep, hold_out_above=1e5, log_error=True)
    assert found.values["c"] == pytest.approx(9.0, rel=0.01)
    low, high = found.intervals()["c"].low, found.intervals()["c"].high
    assert low < 9.0 < high < 9.2
    compared = compare_laws(sweep)
    assert compared.best == "toy"
    path = tmp_path / "runs.csv"
    sweep.to_csv(path)
    run = CliRunner().invoke(main, ["fit", str(path), "--law", "toy", "--json"])
    assert json.loads(run.stdout)["values"]["c"] == pytest.approx(9.0, rel=0.01)
    run = CliRunner().invoke(main, ["fit", str(path), "--law", "toy", "--stretch", "0"])
    assert run.exit_code == 2 and "--law with --stretch" in run.stderr
    assert (
        json.loads(CliRunner().invoke(main, ["sweep-check", str(path), "--json"]).stdout)["laws"][
            "toy"
        ]
        == []
    )


def test_a_table_is_selected_and_checked_once_for_all_laws(monkeypatch):
    """However many laws and steps: one selection, and every column read once."""
    selected, read = [], []
    for name, calls in (("_of_group", selected), ("_refuse_repeated_runs", selected)):
        real = getattr(rows, name)
        monkeypatch.setattr(
            rows, name, lambda *a, real=real, calls=calls: calls.append(1) or real(*a)
        )
    checked = rows.Table._refuse
    monkeypatch.setattr(
        rows.Table,
        "_refuse",
        lambda self, name, *rest: read.append(name) or checked(self, name, *rest),
    )
    compare_laws(sized(), ["no-decay"])
    assert len(selected) == 2
    once = len(read)
    selected.clear()
    read.clear()
    found = compare_laws(sized(), ["no-decay", "utility"])
    assert len(found.steps) >= 6 and len(selected) == 2
    assert len(read) <= once + 3
