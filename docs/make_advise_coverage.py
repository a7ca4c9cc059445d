"""How often the intervals of `prunelaw advise` on pruning hold the truth: simulated tables of runs.

    python docs/make_advise_coverage.py [tables]

Tables of a known law: the pruning theory at N = 60, θ = .35, error = .02 + .7 ε, with normal noise
of .006 a run, a third of its variance common to all runs of a seed.  For each question: how often
the interval of the chosen cell's error, and that of its gain over random keeping, hold their true
values; how often the sign of the gain is told, and told wrongly; what the choice costs against the
best cell.  Tables that the theory is said not to describe are answered by curves, and count apart.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd

import prunelaw
from prunelaw_sim.advice.on_pruning import advise_on_pruning
from prunelaw_sim.tables.sweep import Sweep

DIMENSION, THETA, SCALE, FLOOR = 60.0, 0.35, 0.7, 0.02
SIZES, FRACTIONS, SEEDS = (100, 200, 400, 800), (0.25, 0.5), 5
RULES = ("hard", "easy", "random")
NOISE, COMMON = 0.006, 1.0 / 3.0
LEVEL = 0.9
QUESTIONS = {
    "400 kept, of any": {"kept": 400.0},
    "at most 160 of 400": {"examples": 400.0, "kept": 160.0},
}
COLUMNS = ("dataset_size", "keep_fraction", "rule")


def truth(size, keep_fraction, rule) -> np.ndarray:
    """The law of the tables."""
    theory = prunelaw.solve(np.asarray(size) / DIMENSION, keep_fraction, THETA, rule).error
    return FLOOR + SCALE * theory


def table_of_runs(seed: int) -> Sweep:
    """A row a run."""
    cells = [(size, f, rule) for size in SIZES for f in FRACTIONS for rule in RULES]
    cells += [(size, 1.0, "random") for size in SIZES]
    frame = pd.DataFrame(cells, columns=pd.Index(COLUMNS))
    exact = truth(*(frame[name].to_numpy() for name in COLUMNS))
    random = np.random.default_rng([seed, 3])
    parts = []
    for s in range(SEEDS):
        own = np.sqrt(1.0 - COMMON) * random.standard_normal(len(frame))
        noise = NOISE * (own + np.sqrt(COMMON) * random.standard_normal())
        parts.append(frame.assign(seed=s, error=exact + noise))
    return Sweep.from_frame(pd.concat(parts, ignore_index=True), f"table {seed}")


def main(tables: int) -> None:
    """A line a law that answered, after each question, and how often each rule was chosen."""
    print(f"{tables} tables, {100 * LEVEL:g} % intervals")
    for name, question in QUESTIONS.items():
        found = pd.DataFrame([judged(seed, question) for seed in range(tables)])
        means = found.drop(columns="rule").groupby("law").mean()
        print(f"{name}: {found.groupby(['law', 'rule']).size().to_dict()}")
        print(means.to_string(float_format="%.4f"), flush=True)


def judged(seed: int, question: dict[str, float]) -> dict[str, Any]:
    """One table's answer against the truth."""
    advice = advise_on_pruning(table_of_runs(seed), **question, level=LEVEL, seed=seed)
    best, gain = advice.choice.best, advice.choice.gain
    cell = (best.dataset_size, best.keep_fraction, best.rule)
    mine = float(truth(*cell))
    true_gain = float(truth(*cell[:2], "random")) - mine
    return {
        "law": advice.law,
        "rule": best.rule,
        "error held": best.error.low <= mine <= best.error.high,
        "gain held": gain.low - 1e-9 <= true_gain <= gain.high + 1e-9,
        "told": advice.verdict == "prune",
        "told wrongly": gain.told and gain.value * true_gain <= 0.0,
        "cost": mine - _least(advice, question),
    }


def _least(advice, question) -> float:
    """The least true error among the cells that could be chosen."""
    size, kept = question.get("examples"), question.get("kept", np.inf)
    cells = [
        (kept / f if size is None else size, float(f), curve.rule)
        for curve in advice.choice.curves
        for f in curve.keep_fraction
        if size is None or f * size <= kept * (1.0 + 1e-9)
    ]
    return float(truth(*(list(column) for column in zip(*cells, strict=True))).min())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
