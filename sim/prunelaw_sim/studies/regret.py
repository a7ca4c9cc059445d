"""Choices held against measurement: how much error does a predictor's choice cost?

In each group of cells (such as all rules at one size and fraction) a predictor chooses the cell of
least predicted error.  Its regret is the measured error there less that of the best cell, seed by
seed.  Which cell is the best is told by the other half of the seeds (`crossfit`), so that no noise
is chosen: a regret below 0 says that the predictor chose better than 'measure some seeds, take the
best' would have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from prunelaw.checks import check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import standard_error, student_interval
from prunelaw_sim.studies.crossfit import crossfitted
from prunelaw_sim.tables.paired_errors import PairedErrors


@dataclass(frozen=True, eq=False)
class Regrets:
    """What each predictor's choices cost.

    - table: a row a predictor: regret (mean over groups and seeds), standard_error (over seeds,
      paired), low and high (Student's interval), and in how many of the groups it chose the
      measured best (`hits`).
    - choices: a row a (predictor, group): the group, the cell chosen, its error, the least error
      in the group, and the regret with its standard error.
    """

    table: pd.DataFrame
    choices: pd.DataFrame


def regrets(
    errors: PairedErrors,
    predicted: Mapping[str, Float[np.ndarray, " values"]],
    groups: Int[np.ndarray, " cells"],
    *,
    level: float = 0.9,
) -> Regrets:
    """Regret of every predictor in every group of two cells or more.

    predicted   of each predictor the errors that it expects, a value a cell of `errors`; +∞ forbids
                a cell
    groups      the group of each cell; −1 leaves it out

    Raises `InputError` for shapes that differ, NaN, a group in which a predictor forbids all cells,
    no group at all, and fewer than three seeds.
    """
    check_number("level", level, 0.0, 1.0, low_open=True, high_open=True)
    if len(errors.seeds) < 3:
        raise InputError(f"regrets need three seeds or more, got {len(errors.seeds)}")
    numbers = [g for g in np.unique(groups[groups >= 0]) if np.sum(groups == g) > 1]
    if not numbers:
        raise InputError("groups must hold one group of two cells or more")
    rows, choices = [], []
    for name, values in predicted.items():
        if values.shape != groups.shape or np.isnan(values).any():
            raise InputError(f"predicted[{name!r}] must be {len(groups)} numbers, one a cell")
        parts, hits = [], 0
        for group in numbers:
            members = np.flatnonzero(groups == group)
            chosen = members[values[members].argmin()]
            if values[chosen] == np.inf:
                raise InputError(f"predicted[{name!r}] forbids all cells of group {group}")
            lost = errors.errors[chosen] - crossfitted(errors.errors[members])
            hits += int(chosen == members[errors.mean[members].argmin()])
            parts.append(lost)
            choices.append(
                {"predictor": name, "group": int(group), **errors.cells.iloc[chosen].to_dict(),
                 "error": errors.mean[chosen], "least": errors.mean[members].min(),
                 **_summary(lost, level)}
            )  # fmt: skip
        overall = _summary(np.mean(parts, axis=0), level)
        rows.append({"predictor": name, **overall, "hits": hits, "groups": len(numbers)})
    return Regrets(pd.DataFrame(rows), pd.DataFrame(choices))


def _summary(lost: Float[np.ndarray, " seeds"], level: float) -> dict[str, float]:
    mean, error = float(lost.mean()), standard_error(lost)
    low, high = student_interval(mean, error, len(lost) - 1, level)
    return {"regret": mean, "standard_error": error, "low": low, "high": high}
