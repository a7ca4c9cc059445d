"""Part 2 of verify: what the published utility-decay fits predict, and which filter is best when.

Predictions of Goyal et al. 2024 (arXiv 2404.07177) for DataComp medium, T-MARS score pools of 12.8M
samples, are held against numbers computed with the authors' published functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from prunelaw.decay.filtering import SwitchPoint, best_filter, switch_points
from prunelaw.decay.utility import PUBLISHED, Pool, with_convention

BUDGETS = (32e6, 64e6, 128e6, 640e6)
SWITCH_RANGE = (10e6, 4e9)
TOLERANCE = 0.0051  # per cent: the reference below is rounded to .01 %

# Accuracy in %, of the best 1, 2, 3, 4 pools (rows) at the four budgets (columns), from the
# authors' own functions at the published parameters.  None: not computed there.
REFERENCE: Mapping[str, tuple[tuple[float | None, ...], ...]] = {
    "official_code": (
        (18.25, 24.62, 28.73, 31.18),
        (15.84, 23.30, 29.60, 38.55),
        (13.42, 20.40, 26.77, 37.56),
        (11.68, 17.99, 24.13, 35.14),
    ),
    "paper": ((17.04, 22.72, 26.39, 28.57),),
    "effective_data": tuple((None, None, None, value) for value in (30.77, 39.02, 40.09, 37.92)),
}


@dataclass(frozen=True, eq=False)
class ConventionCheck:
    """One convention: predictions, best filter and switches.

    Attributes:
        accuracy: per cent.
        best: number of pools, best first, that gives the lowest error.
        compared: predictions that have a reference value.
        deviation: largest |accuracy − reference|, per cent.
    """

    convention: str
    accuracy: Float[np.ndarray, "unions budgets"]
    best: Int[np.ndarray, " budgets"]
    switches: tuple[SwitchPoint, ...]
    compared: int
    deviation: float


@dataclass(frozen=True, eq=False)
class UtilityCheck:
    """The three conventions at the same budgets."""

    budgets: tuple[float, ...]
    names: tuple[str, ...]
    conventions: tuple[ConventionCheck, ...]
    tolerance: float

    @property
    def good(self) -> bool:
        """Whether every prediction that has a reference value meets it."""
        return all(c.deviation <= self.tolerance for c in self.conventions)


def published_pools(convention: str) -> tuple[Pool, ...]:
    """The four T-MARS pools under one convention; `effective_data` has a fit of its own."""
    if convention == "effective_data":
        return PUBLISHED["effective_data"]
    return with_convention(PUBLISHED["utility"], convention)


def check_utility(reference: Mapping[str, tuple] = REFERENCE) -> UtilityCheck:
    """Predictions of all conventions named in `reference`, held against its values."""
    conventions = tuple(_check_convention(name, rows) for name, rows in reference.items())
    unions = ("top 10%", "top 20%", "top 30%", "top 40%")
    return UtilityCheck(BUDGETS, unions, conventions, TOLERANCE)


def _check_convention(convention: str, reference: tuple) -> ConventionCheck:
    pools = published_pools(convention)
    choice = best_filter(pools, np.array(BUDGETS))
    accuracy = 100.0 * (1.0 - choice.errors)
    known = np.full(accuracy.shape, np.nan)
    known[: len(reference)] = np.array(reference, dtype=np.float64)  # None becomes NaN
    return ConventionCheck(
        convention=convention,
        accuracy=accuracy,
        best=choice.n_pools,
        switches=switch_points(pools, *SWITCH_RANGE),
        compared=int(np.isfinite(known).sum()),
        deviation=float(np.nanmax(np.abs(accuracy - known))),
    )
