"""Does pruned error fall faster than random error?  Slopes against the number of examples kept.

At each number K kept, random keeping has one error, whatever the pool; pruning has as many as there
are pools P = K/f and rules.  The envelope takes the best of them at each K, chosen by one half of
the seeds and measured by the other (`crossfitted`), so that it is a choice and not a lucky draw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.checks import check_choice
from prunelaw.errors import TableError
from prunelaw_sim.common.kept_examples import rounded_count
from prunelaw_sim.studies.answers import LEVEL, Estimate, jackknifed
from prunelaw_sim.studies.regret import crossfitted
from prunelaw_sim.tables.paired_errors import PairedErrors

GAINS = ("exponent", "factor")


def kept_numbers(errors: PairedErrors) -> np.ndarray:
    """How many examples each cell keeps, f P, halves up."""
    pairs = zip(errors.column("keep_fraction"), errors.column("dataset_size"), strict=True)
    return np.array([rounded_count(float(f), int(size)) for f, size in pairs])


class ParetoCurves:
    """Random keeping and the envelope of pruning, at kept numbers that all `keep` fractions reach.

    Raises:
        TableError: for fewer than three such numbers, and for an error of 0 in the mean, which has
            no logarithm.
    """

    def __init__(self, errors: PairedErrors, keep: Sequence[float | int]):
        kept, f = kept_numbers(errors), errors.column("keep_fraction")
        wanted = np.isin(f, keep)
        self.numbers = [int(k) for k in np.unique(kept) if {*keep, 1.0} <= set(f[kept == k])]
        if len(self.numbers) < 3:
            raise TableError(
                f"a slope needs 3 kept numbers that f = 1 and all of {list(keep)} reach, got "
                f"{self.numbers}: measure sizes that are multiples of each other by 1/f"
            )
        self.seeds = len(errors.seeds)
        self.whole = [errors.errors[(kept == k) & (f == 1.0)][0] for k in self.numbers]
        self.pruned = [errors.errors[(kept == k) & wanted] for k in self.numbers]

    def means(self, chosen: np.ndarray) -> Float[np.ndarray, "2 numbers"]:
        """Mean errors over these seeds: of random keeping, and of the envelope."""
        random = [errors[chosen].mean() for errors in self.whole]
        return np.array([random, [crossfitted(errors, chosen).mean() for errors in self.pruned]])

    def gain(self, by: str = "exponent", *, level: float = LEVEL, tests: int = 1) -> Estimate:
        """What pruning gains over random keeping, above 0 where it helps; see `gain_of`."""
        check_choice("by", by, GAINS)
        return jackknifed(lambda chosen: self.gain_of(by, chosen), self.seeds, level=level,
                          tests=tests)  # fmt: skip

    def gain_of(self, by: str, chosen: np.ndarray) -> float:
        """The gain, from some of the seeds.

        Args:
            by: "exponent", that of the envelope less that of random keeping, −d log error/d log K
                by least squares through the mean errors; or "factor", the mean over kept numbers of
                log(random error/error of the envelope).
        """
        curves = self.means(chosen)
        if curves.min() <= 0:
            raise TableError("a mean error is 0 and has no logarithm: use more tests")
        gains = np.log(curves[0] / curves[1])
        return float(
            gains.mean() if by == "factor" else np.polyfit(np.log(self.numbers), gains, 1)[0]
        )

    def table(self) -> pd.DataFrame:
        """A row a kept number: both errors and their ratio."""
        random, pruned = self.means(np.arange(self.seeds))
        values = {"kept": self.numbers, "random": random, "pruned": pruned}
        return pd.DataFrame({**values, "ratio": pruned / random})
