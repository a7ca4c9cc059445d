"""Does pruned error fall faster than random error?  Slopes against the number of examples kept.

At each number K kept, random keeping has one error, whatever the pool; pruning has as many as there
are pools P = K/f and rules.  The envelope takes the best of them at each K, chosen by one half of
the seeds and measured by the other (`crossfit`), so that it is a choice and not a lucky draw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw.errors import TableError
from prunelaw_sim.answers import LEVEL, Estimate, jackknifed
from prunelaw_sim.crossfit import crossfitted
from prunelaw_sim.paired_errors import PairedErrors
from prunelaw_sim.real_design import kept_count


def kept_numbers(errors: PairedErrors) -> np.ndarray:
    """How many examples each cell keeps, f P rounded."""
    pairs = zip(errors.column("keep_fraction"), errors.column("dataset_size"), strict=True)
    return np.array([kept_count(float(f), int(size)) for f, size in pairs])


class ParetoCurves:
    """Random keeping and the envelope of pruning, at kept numbers that all `keep` fractions reach.

    Raises `TableError` for fewer than three such numbers, and for an error of 0 in the mean, which
    has no logarithm.
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

    def random(self, chosen: np.ndarray) -> Float[np.ndarray, " numbers"]:
        """Mean error of random keeping over these seeds."""
        return np.array([errors[chosen].mean() for errors in self.whole])

    def envelope(self, chosen: np.ndarray) -> Float[np.ndarray, " numbers"]:
        """Mean error of the cells that other halves of the seeds find best."""
        return np.array([crossfitted(errors, chosen).mean() for errors in self.pruned])

    def advantage(self, *, level: float = LEVEL, tests: int = 1) -> Estimate:
        """Exponent of the envelope less that of random keeping: above 0 where pruning falls faster.

        The exponent is −d log error/d log K, by least squares through the mean errors.
        """
        return jackknifed(self.advantage_of, self.seeds, level=level, tests=tests)

    def lower(self, *, level: float = LEVEL) -> Estimate:
        """Mean over kept numbers of log(random error/envelope's): above 0 where pruning helps."""
        return jackknifed(
            lambda chosen: float(np.mean(np.log(self.random(chosen) / self.envelope(chosen)))),
            self.seeds,
            level=level,
        )

    def advantage_of(self, chosen: np.ndarray) -> float:
        """The same for some of the seeds."""
        return self._exponent(self.envelope(chosen)) - self._exponent(self.random(chosen))

    def table(self) -> pd.DataFrame:
        """A row a kept number: both errors and their ratio."""
        everything = np.arange(self.seeds)
        random, pruned = self.random(everything), self.envelope(everything)
        values = {"kept": self.numbers, "random": random, "pruned": pruned}
        return pd.DataFrame({**values, "ratio": pruned / random})

    def _exponent(self, errors: Float[np.ndarray, " numbers"]) -> float:
        if (errors <= 0).any():
            raise TableError("a mean error is 0: its logarithm has no slope; use more tests")
        return -float(np.polyfit(np.log(self.numbers), np.log(errors), 1)[0])
