"""How often the intervals of `prunelaw advise` on pruning hold the truth: simulated tables of runs.

    python docs/make_advise_coverage.py [tables [truth [question]]]

Truths: `theory`, the pruning theory at N = 60, θ = .35, error = .02 + .7 ε; `turned`, where hard
and easy examples are worth the opposite of what the theory says; `waves`, power laws in the kept
examples with a wave of 15 %, and rules that win and lose in turn over the data-set size; `other`,
rules that the theory does not know; `one_size`, waves measured at one size; `one_run`, `other` with
one run a cell; `hidden`, a milder `turned` with so much noise (15 %, three seeds) that tests do not
see that laws are false.  Noise is normal, 3 % of a run's error, a third of its variance common to
all runs of a seed.

Questions: a measured cell, a cell between measured ones, one beyond them, and a number kept that is
beyond all runs: without a law there is no answer.  How often the interval of the chosen cell's
error and that of its gain over random keeping hold their true values; how often a gain is told, and
told wrongly; how often the nearest runs overrule the law; what the choice costs against the best
cell that could be chosen, relative.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd

import prunelaw
from prunelaw.errors import InputError
from prunelaw_sim.advice.on_pruning import advise_on_pruning
from prunelaw_sim.tables.sweep import Sweep

DIMENSION, THETA, SCALE, FLOOR = 60.0, 0.35, 0.7, 0.02
SIZES, FRACTIONS, SEEDS = (100, 200, 400, 800), (0.25, 0.5), 4
NOISE, COMMON = 0.03, 1.0 / 3.0
LEVEL = 0.9
QUESTIONS: dict[str, dict[str, Any]] = {
    "measured": {"examples": 400.0, "kept": 200.0},
    "between": {"examples": 300.0, "kept": 130.0},
    "beyond": {"examples": 1600.0, "kept": 800.0},
    "far": {"examples": None, "kept": 1600.0},
}
COLUMNS = ("dataset_size", "keep_fraction", "rule")


def theory(size, f, rule) -> np.ndarray:
    found = prunelaw.solve(np.asarray(size) / DIMENSION, f, THETA, rule).error
    return FLOOR + SCALE * found


def turned(size, f, rule) -> np.ndarray:
    random = theory(size, f, np.full(np.shape(rule), "random"))
    return random - 0.8 * (theory(size, f, rule) - random)


def mild(size, f, rule) -> np.ndarray:
    random = theory(size, f, np.full(np.shape(rule), "random"))
    return random - 0.3 * (theory(size, f, rule) - random)


def waves(size, f, rule) -> np.ndarray:
    size, f, rule = np.asarray(size, float), np.asarray(f, float), np.asarray(rule)
    kept = size * f
    base = 1.5 * kept**-0.45 * (1.0 + 0.15 * np.sin(1.3 * np.log(kept)))
    sign = np.select([rule == "hard", rule == "easy"], [1.0, -1.0], 0.0)
    return base * (1.0 - 0.3 * sign * (1.0 - f) * np.sin(np.log(size / 250.0)))


def other(size, f, rule) -> np.ndarray:
    names = {"ccs": "hard", "moderate": "easy", "random": "random"}
    return waves(size, f, np.vectorize(names.get)(np.asarray(rule)))


KNOWN = ("hard", "easy", "random")
OTHER = ("ccs", "moderate", "random")
TRUTHS = {  # of the error, its rules, the sizes measured, the runs of a cell and their noise
    "theory": (theory, KNOWN, SIZES, SEEDS, NOISE), "turned": (turned, KNOWN, SIZES, SEEDS, NOISE),
    "waves": (waves, KNOWN, SIZES, SEEDS, NOISE), "other": (other, OTHER, SIZES, SEEDS, NOISE),
    "one_size": (waves, KNOWN, (400,), SEEDS, NOISE), "one_run": (other, OTHER, SIZES, 1, NOISE),
    "hidden": (mild, KNOWN, SIZES, 3, 0.15),
}  # fmt: skip


def table_of_runs(name: str, seed: int) -> Sweep:
    """A row a run."""
    truth, rules, sizes, seeds, scatter = TRUTHS[name]
    cells = [(size, f, rule) for size in sizes for f in FRACTIONS for rule in rules]
    cells += [(size, 1.0, "random") for size in sizes]
    frame = pd.DataFrame(cells, columns=pd.Index(COLUMNS))
    exact = truth(*(frame[name].to_numpy() for name in COLUMNS))
    random = np.random.default_rng([seed, 3])
    parts = []
    for s in range(seeds):
        own = np.sqrt(1.0 - COMMON) * random.standard_normal(len(frame))
        noise = scatter * (own + np.sqrt(COMMON) * random.standard_normal())
        parts.append(frame.assign(seed=s, error=exact * np.exp(noise)))
    return Sweep.from_frame(pd.concat(parts, ignore_index=True), f"table {seed}")


def judged(name: str, seed: int, question: dict[str, Any]) -> dict[str, Any]:
    """One table's answer against the truth."""
    truth = TRUTHS[name][0]
    try:
        advice = advise_on_pruning(table_of_runs(name, seed), **question, level=LEVEL, seed=seed)
    except InputError:
        return {"law": "no answer", "how": "none"}
    best, gain = advice.choice.best, advice.choice.gain
    cell = (best.dataset_size, best.keep_fraction, best.rule)
    mine = float(truth(*cell))
    true_gain = float(truth(*cell[:2], "random")) - mine
    found = {
        "law": advice.law,
        "how": best.how,
        "error held": best.error.low <= mine <= best.error.high,
        "overruled": advice.choice.deferred,
        "cost": mine / _least(truth, advice, question) - 1.0,
    }
    if gain is None or best.rule == "random":  # nothing is known, or nothing is gained
        return found
    return found | {
        "gain held": gain.low - 1e-9 <= true_gain <= gain.high + 1e-9,
        "told": gain.told,
        "told wrongly": gain.told and gain.value * true_gain <= 0.0,
    }


def _least(truth, advice, question) -> float:
    """The least true error among the cells that could be chosen."""
    size, kept = question["examples"], question["kept"]
    cells = [
        (size or kept / float(f), float(f), curve.rule)
        for curve in advice.choice.curves
        for f in curve.keep_fraction
        if size is None or f * size <= kept * (1.0 + 1e-9)
    ]
    return float(truth(*(list(column) for column in zip(*cells, strict=True))).min())


def main(tables: int, only: str | None = None, asking: str | None = None) -> None:
    """A line a truth, a question and a law that answered."""
    print(f"{tables} tables, {100 * LEVEL:g} % intervals")
    for name in [only] if only else TRUTHS:
        for asked in [asking] if asking else QUESTIONS:
            question = QUESTIONS[asked]
            found = pd.DataFrame([judged(name, seed, question) for seed in range(tables)])
            share = found.value_counts(["law", "how"]).to_dict()
            means = found.drop(columns=["law", "how"]).astype(float).mean()
            line = ", ".join(f"{key} {value:.3f}" for key, value in means.items())
            print(f"{name}, {asked}: {line}; {share}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30, *sys.argv[2:4])
