"""What to keep, by a fit of the pruning theory: the fraction and rule of least predicted error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

import prunelaw
from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw_sim.laws.pruning import PruningFit
from prunelaw_sim.laws.pruning_intervals import PruningIntervals, widened
from prunelaw_sim.laws.theory_rules import theory_rules

KEEP = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
RULES = ("hard", "easy", "random", "band:0.25", "band:0.5", "band:0.75")


@dataclass(frozen=True, eq=False)
class BestKeep:
    """The choice of least predicted error.

    - dataset_size, keep_fraction, rule: what to keep of how many; rule "random" at f = 1.
    - error: predicted; interval: over seeds, or None for a fit without intervals.
    - share: in which part of the resamples this choice is the best, or None.
    - table: all choices, the best first: dataset_size, keep_fraction, rule, predicted, share.
    """

    dataset_size: float
    keep_fraction: float
    rule: str
    error: float
    interval: tuple[float, float] | None
    share: float | None
    table: pd.DataFrame


def best_keep(
    fit: PruningFit | PruningIntervals,
    size: float | int | None = None,
    rules: Sequence[str] = RULES,
    *,
    kept: float | int | None = None,
    keep: Sequence[float | int] = KEEP,
) -> BestKeep:
    """The best of all `rules` at all fractions `keep`, for one of two questions:

    - `size`: which part of P examples?  More data are nearly always better in theory: ask for
      fractions that can be afforded.
    - `kept`: K examples can be trained on, and as many as wanted be had to choose from; P = K/f.

    Rules as in `kept_examples`.  Raises `InputError` unless exactly one of `size` and `kept` is
    given, and for values out of range; what `prunelaw.solve` raises.
    """
    if (size is None) == (kept is None):
        raise InputError("give one of size and kept")
    fractions = check_real("keep", list(keep), 0.0, 1.0, low_open=True)
    if not fractions.size or not len(rules):
        raise InputError("rules and keep must hold at least one value each")
    pairs = [(f, rule) for f, rule in product(fractions[fractions < 1], rules)]
    pairs += [(1.0, "random")] * bool((fractions == 1).any())
    table = pd.DataFrame(pairs, columns=pd.Index(["keep_fraction", "rule"]))
    f = table["keep_fraction"].to_numpy(float)
    given = size if kept is None else kept
    amount = float(check_real("size" if kept is None else "kept", given, 0.0, low_open=True))
    table.insert(0, "dataset_size", np.full(len(f), amount) if kept is None else amount / f)
    whole = fit.fit if isinstance(fit, PruningIntervals) else fit
    table["predicted"] = whole.error_at(table["dataset_size"].to_numpy(float), f, table["rule"])
    draws = _drawn(fit, table) if isinstance(fit, PruningIntervals) else None
    if draws is not None:
        wins = np.bincount(draws.argmin(axis=1), minlength=len(table))
        table["share"] = wins / len(draws)
    best = int(table["predicted"].to_numpy(float).argmin())
    row, interval = table.iloc[best], None
    if isinstance(fit, PruningIntervals) and draws is not None:
        interval = widened(
            float(row["predicted"]), draws[:, best], fit.seeds, fit.level, (0.0, np.inf)
        )
    return BestKeep(
        dataset_size=float(row["dataset_size"]),
        keep_fraction=float(row["keep_fraction"]),
        rule=str(row["rule"]),
        error=float(row["predicted"]),
        interval=interval,
        share=None if draws is None else float(row["share"]),
        table=table.sort_values("predicted", kind="stable").reset_index(drop=True),
    )


def _drawn(fit: PruningIntervals, table: pd.DataFrame) -> np.ndarray:
    """(resamples, choices) errors predicted by each resample, solved exactly."""
    dimension, theta, scale, floor = (values[:, None] for values in fit.draws.values())
    f = table["keep_fraction"].to_numpy(float)
    rules = theory_rules(table["rule"].to_numpy(object), f)
    loads = table["dataset_size"].to_numpy(float) / dimension
    return floor + scale * prunelaw.solve(loads, f, theta, rules).error
