"""Standard errors, intervals and lack of fit: one way to compute each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special


def standard_error(values: Any, axis: int = -1) -> Any:
    """Standard error of the mean along an axis; NaN for fewer than two values."""
    values = np.asarray(values, dtype=np.float64)
    count = values.shape[axis]
    if count < 2:
        found = np.full(np.delete(values.shape, axis), math.nan)
    else:
        found = values.std(axis=axis, ddof=1) / np.sqrt(count)
    return found if np.ndim(found) else float(found)


def student_quantile(level: float, freedom: float, tests: int = 1) -> float:
    """Half the width of a two-sided interval in standard errors, one of `tests` (Bonferroni).

    Args:
        level: probability that the interval holds the truth, in (0, 1).
        freedom: of the estimated standard error; inf where it is known: the normal quantile.
    """
    upper = 1.0 - (1.0 - level) / (2 * tests)
    return float(special.ndtri(upper) if math.isinf(freedom) else special.stdtrit(freedom, upper))


def student_interval(
    value: float, error: float, freedom: float, level: float, tests: int = 1
) -> tuple[float, float]:
    """value ± Student's quantile times its standard error; arguments as in `student_quantile`."""
    reach = student_quantile(level, freedom, tests) * error
    return value - reach, value + reach


def quantile_interval(draws: Any, level: float) -> tuple[Any, Any]:
    """The central interval of draws along the first axis; NaN counts as unknown, left out."""
    draws = np.asarray(draws, dtype=np.float64)
    quantile = np.nanquantile if np.isnan(draws).any() else np.quantile
    low, high = quantile(draws, (0.5 - 0.5 * level, 0.5 + 0.5 * level), axis=0)
    return low, high


def lack_of_fit(squares: float, freedom: float, known: float = math.inf) -> float:
    """Probability of a misfit as large by chance: χ², or F where the scatter is estimated.

    Args:
        squares: Σ (misfit/standard error)².
        freedom: points minus fitted parameters.
        known: degrees of freedom behind the standard errors; inf: they are known.
    """
    if math.isinf(known):
        return float(special.chdtrc(freedom, squares))
    return float(special.fdtrc(freedom, known, squares / freedom))
