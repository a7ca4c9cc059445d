"""Advice on pools: the same numbers as a plan, alternatives, laws without decay, ranges."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figures.command_line import run

from prunelaw.decay.utility import UtilityLaw
from prunelaw.errors import InputError, TableError
from prunelaw_sim.advice.on_pools import advise_on_pools
from prunelaw_sim.pools.known import known_from_runs, ranges_of
from prunelaw_sim.pools.plan import plan
from prunelaw_sim.readers import read
from prunelaw_sim.tables.sweep import Sweep

ROOT = Path(__file__).resolve().parents[3]
RUNS = ROOT / "docs" / "examples" / "pool_runs.csv"
CASE = ROOT.parent / "shared" / "cases" / "22-nested_filters.csv"
NESTED = {"top 10%": (1e6, -0.20, 3.0), "top 30%": (3e6, -0.17, 4.0), "top 100%": (1e7, -0.13, 8.0)}


def nested(noise=1e-3, **more):
    rng, rows = np.random.default_rng(0), []
    for name, (size, b, tau) in NESTED.items():
        law = UtilityLaw(a=0.1, b=b, tau=tau, d=0.05)
        for seen in (2e6, 4e6, 8e6, 1.6e7, 3.2e7):
            rows.append((name, size, seen, float(law.error(seen, size)) + noise * rng.normal()))
    names = ["pool", "unique_samples", "samples_seen", "error"]
    return Sweep.from_frame(pd.DataFrame(rows, columns=names).assign(**more), "nested.csv")


def test_plan_and_advise_are_one(capsys):
    options = {"budget": "3B", "replicates": "16"}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    planned = json.loads(run("plan", RUNS, *flags, "--json").stdout)
    advised = json.loads(run("advise", RUNS, *flags, "--json").stdout)["pools"]["plan"]
    for name in ("chosen", "next_best", "better", "next_runs", "switches"):
        assert planned[name] == advised[name]


def test_nested_filters_are_asked_about_and_not_united():
    with pytest.raises(InputError, match="pools_are='alternatives'"):
        advise_on_pools(nested(), 3.2e7, replicates=12)
    found = advise_on_pools(nested(), 3.2e7, pools_are="alternatives", replicates=12)
    assert all(len(union.pools) == 1 for union in found.plan.unions)
    exact = {
        name: float(UtilityLaw(0.1, b, tau, 0.05).error(3.2e7, size))
        for name, (size, b, tau) in NESTED.items()
    }
    assert found.plan.chosen.pools == (min(exact, key=exact.__getitem__),)
    assert found.plan.weighting is None
    assert found.all_pools_from is None
    assert any("alternatives" in note.message for note in found.plan.assumptions)
    assert all(len(one.pools) == 1 for one in found.plan.next_runs)


def test_the_case_of_nested_filters():
    if not CASE.exists():
        pytest.skip("the folder of cases is absent")
    known = known_from_runs(read(CASE), 1.28e9, pools_are="alternatives", replicates=12)
    chosen = plan(known.ensemble, 1.28e9).chosen
    assert chosen.pools == ("top 30%",)
    assert (chosen.how, chosen.error) == ("measured", 0.6912)
    assert chosen.low <= 0.6912 <= chosen.high


def test_ranges_of_runs_settle_it():
    frame = nested().frame
    low = frame["pool"].map({"top 10%": 0.9, "top 30%": 0.7, "top 100%": 0.0})
    sweep = Sweep.from_frame(frame.assign(quantile_low=low, quantile_high=1.0), "nested.csv")
    assert ranges_of(sweep)["top 30%"] == (0.7, 1.0)
    assert known_from_runs(sweep, 1e7, replicates=10).ensemble.alternatives
    apart = frame["pool"].map({"top 10%": 0.7, "top 30%": 0.3, "top 100%": 0.0})
    sweep = Sweep.from_frame(frame.assign(quantile_low=low, quantile_high=low + 0.05), "x.csv")
    assert not known_from_runs(sweep, 1e7, replicates=10).ensemble.alternatives
    bad = frame.assign(quantile_low=apart, quantile_high=0.1)
    with pytest.raises(TableError, match="quantile_low"):
        ranges_of(Sweep.from_frame(bad, "x.csv"))


def test_a_law_without_decay_does_not_answer_for_more_passes():
    """Runs of at most two passes; hundreds are asked about."""
    rng, rows = np.random.default_rng(1), []
    for name, b in (("web", -0.2), ("books", -0.15)):
        law = UtilityLaw(a=4.0, b=b, tau=np.inf, d=0.0)
        for seen in np.geomspace(1e5, 2e6, 9):
            rows.append((name, 1e6, seen, float(law.error(seen, 1e6)) * (1 + 2e-3 * rng.normal())))
    names = ["pool", "unique_samples", "samples_seen", "error"]
    sweep = Sweep.from_frame(pd.DataFrame(rows, columns=names), "few.csv")
    inside = known_from_runs(sweep, 1.5e6, replicates=12)
    beyond = known_from_runs(sweep, 2e8, replicates=12)
    assert "no-decay" in inside.laws
    assert "no-decay" not in beyond.laws
    (note,) = (note for note in beyond.warnings if note.kind == "no_decay")
    assert "the runs made at most 2" in note.message


def test_intervals_hold_the_spread_over_laws():
    sweep = read(RUNS)
    mixed = known_from_runs(sweep, 3e9, replicates=40)
    alone = known_from_runs(sweep, 3e9, convention="paper", replicates=40)
    assert len(mixed.laws) > 1
    wide, narrow = (plan(known.ensemble, 3e9).chosen for known in (mixed, alone))
    assert wide.high - wide.low > narrow.high - narrow.low
