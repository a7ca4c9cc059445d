"""Theory against simulation: extrapolate simulated means to N → ∞, then judge all points at once.

The theory holds for N → ∞; at finite dimension N the mean error differs from it by a series in 1/N
(mean-field fluctuations).  So the means at several sizes are fitted by

    mean(N) = ε_∞ + c₁/N + c₂/N²         (weighted least squares; weights 1/stderr²)

and ε_∞, with the uncertainty that the fit gives it, is held against the theory:
z = (ε_∞ − theory)/stderr(ε_∞).  A theory can be wrong in three ways, each with its own test:

    everywhere by a little    Σ z² (with the covariance of the points), a χ² if all is right
    by one factor             the mean of ε_∞/theory − 1 over points, weighted by their precision
    at a few points           the largest |z|, corrected for the number of points looked at (Holm)

The verdict is on the smallest of the three p-values, corrected for there being three.  Nothing here
runs a simulation: numbers in, verdict out (`theory_check` judges the store of a sweep).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, t

from prunelaw.checks import check_integer, check_real
from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import lack_of_fit

P_THRESHOLD = 1e-3  # a correct theory fails one run in a thousand
POWER = 0.9  # of the test, where `Agreement.detectable` is quoted
TESTS = 3
DEPENDENT = 1e-9  # eigenvalues of the correlation below this: points that share all their numbers


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Means at several dimensions N, continued to N → ∞ by a polynomial in 1/N.

    Attributes:
        value: ε_∞.
        stderr: its standard error, propagated from the means; without higher orders in 1/N.
        slope: c₁, how fast the mean leaves ε_∞ as 1/N grows.
        order: highest power of 1/N.
        misfit: χ² of the fit itself, on len(sizes) − order − 1 degrees of freedom (0: exact).
    """

    value: Float[np.ndarray, " points"]
    stderr: Float[np.ndarray, " points"]
    slope: Float[np.ndarray, " points"]
    order: int
    misfit: Float[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well simulation and theory agree, point by point and together.

    Attributes:
        z: (ε_∞ − theory)/stderr, as the normal deviate of the same probability where trials are
            few; raw_z: the same at the largest N, which contains the finite-size effect.
        adjusted: two-sided p-value of each z, corrected for the number of points by Holm's method.
        worst: index of the point with the largest |z|.
        chi2: Σ z², or its generalisation where points are correlated.
        dof: of χ²: the number of points, less those that repeat others exactly.
        p_chi2, p_common: probability of at least this if theory and simulation are both right.
        common: relative deviation of all points: mean of ε_∞/theory − 1, weighted by precision.
        p_value: 3 min(p_chi2, p_common, smallest of `adjusted`).
        agrees: whether p_value ≥ threshold.
    """

    theory: Float[np.ndarray, " points"]
    sizes: Float[np.ndarray, " sizes"]
    means: Float[np.ndarray, "points sizes"]
    stderrs: Float[np.ndarray, "points sizes"]
    limit: Extrapolation
    z: Float[np.ndarray, " points"]
    raw_z: Float[np.ndarray, " points"]
    adjusted: Float[np.ndarray, " points"]
    worst: int
    chi2: float
    dof: int
    p_chi2: float
    common: float
    common_stderr: float
    p_common: float
    p_value: float
    threshold: float
    agrees: bool

    @property
    def detectable(self) -> float:
        """Relative error, common to all points, that this test would catch with probability 0.9."""
        return detectable_error(self.common_stderr, self.threshold)


def extrapolate(sizes: Any, means: Any, stderrs: Any, order: int | None = None) -> Extrapolation:
    """ε_∞ of every point from means at dimensions `sizes`, a polynomial of degree `order` in 1/N.

    Args:
        sizes: at least two different dimensions N > 0, shape (sizes,).
        means: mean errors, shape (points, sizes); stderrs: their standard errors > 0.
        order: 1 … len(sizes) − 1; default 2 where there are three sizes or more, else 1.

    Raises:
        InputError: for other input.
    """
    sizes, means, stderrs = _checked(sizes, means, stderrs)
    top = len(sizes) - 1
    order = check_integer("order", min(2, top) if order is None else order, 1, top)
    unit = sizes.min()  # powers of N_min/N are of order one, powers of 1/N are not
    powers = (unit / sizes)[:, None] ** np.arange(order + 1)
    design = powers[None] / stderrs[:, :, None]
    covariance = np.linalg.inv(np.swapaxes(design, 1, 2) @ design)
    scaled = means / stderrs
    coefficients = np.einsum("pij,pkj,pk->pi", covariance, design, scaled)
    left = scaled - np.einsum("pkj,pj->pk", design, coefficients)
    return Extrapolation(
        value=coefficients[:, 0],
        stderr=np.sqrt(covariance[:, 0, 0]),
        slope=coefficients[:, 1] * unit,
        order=order,
        misfit=np.sum(left**2, axis=1) if order < top else np.zeros(len(means)),
    )


def agreement(
    theory: Any,
    sizes: Any,
    means: Any,
    stderrs: Any,
    *,
    trials: Any = None,
    covariance: Any = None,
    order: int | None = None,
    threshold: float = P_THRESHOLD,
) -> Agreement:
    """Judge `theory`, shape (points,), against simulated means; the rest as in `extrapolate`.

    Args:
        trials: how many trials each mean is of, ≥ 2, shape (points, sizes): where they are few, z
            follows Student's t; default: many.
        covariance: of the means at each size, shape (sizes, points, points), where points share
            random numbers; its diagonals are stderrs²; default: points are independent.
        threshold: the two agree if the combined p-value is at least this, in (0, 1).

    Raises:
        InputError: for input outside its range.

    Source:
        Holm, Scand. J. Stat. 6, 65 (1979) (many points); Welch, Biometrika 34, 28 (1947) (few
        trials).
    """
    theory = np.atleast_1d(check_real("theory", theory, 0.0, 1.0, low_open=True))
    check_real("threshold", threshold, 0.0, 1.0, low_open=True, high_open=True)
    limit = extrapolate(sizes, means, stderrs, order)
    sizes, means, stderrs = _checked(sizes, means, stderrs)
    if theory.shape != limit.value.shape:
        raise InputError(
            f"theory must have one value a point, shape {limit.value.shape}, got {theory.shape}"
        )
    weights = _limit_weights(sizes, stderrs, limit.order)
    deviation = limit.value - theory
    z = _normal_deviate(deviation / limit.stderr, _freedom(weights, stderrs, trials))
    inverse, dof = _inverse(_limit_covariance(weights, stderrs, covariance))
    deviation = z * limit.stderr
    total = float(deviation @ inverse @ deviation)
    strength = float(theory @ inverse @ theory)
    common = float(theory @ inverse @ deviation) / strength
    common_stderr = strength**-0.5
    adjusted = holm(2.0 * norm.sf(np.abs(z)))
    p_chi2 = lack_of_fit(total, dof)
    p_common = float(2.0 * norm.sf(abs(common) / common_stderr))
    p_value = min(1.0, TESTS * min(p_chi2, p_common, float(adjusted.min())))
    largest = int(np.argmax(sizes))
    return Agreement(
        theory=theory,
        sizes=sizes,
        means=means,
        stderrs=stderrs,
        limit=limit,
        z=z,
        raw_z=(means[:, largest] - theory) / stderrs[:, largest],
        adjusted=adjusted,
        worst=int(np.argmax(np.abs(z))),
        chi2=total,
        dof=dof,
        p_chi2=p_chi2,
        common=common,
        common_stderr=common_stderr,
        p_common=p_common,
        p_value=p_value,
        threshold=float(threshold),
        agrees=p_value >= threshold,
    )


def holm(p_values: Any) -> Float[np.ndarray, " points"]:
    """p-values corrected for their number: below a limit with that probability if all is right.

    Raises:
        InputError: unless all are in [0, 1].

    Source:
        Holm, Scand. J. Stat. 6, 65 (1979).
    """
    given = np.atleast_1d(check_real("p_values", p_values, 0.0, 1.0))
    order = np.argsort(given)
    scaled = given[order] * np.arange(given.size, 0, -1)
    corrected = np.empty(given.size)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected


def detectable_error(common_stderr: Any, threshold: float = P_THRESHOLD) -> float:
    """Smallest relative error, shared by all points, that is caught with probability 0.9.

    `common_stderr` ≥ 0 is the standard error of the mean of ε_∞/theory − 1 over points.
    """
    stderr = float(check_real("common_stderr", common_stderr, 0.0))
    return stderr * float(norm.isf(threshold / (2 * TESTS)) + norm.isf(1.0 - POWER))


def _limit_weights(
    sizes: Float[np.ndarray, " sizes"], stderrs: Float[np.ndarray, "points sizes"], order: int
) -> Float[np.ndarray, "points sizes"]:
    """The weights with which the means enter ε_∞."""
    powers = (sizes.min() / sizes)[:, None] ** np.arange(order + 1)
    design = powers[None] / stderrs[:, :, None]
    return np.linalg.pinv(design)[:, 0, :] / stderrs


def _limit_covariance(
    weights: Float[np.ndarray, "points sizes"],
    stderrs: Float[np.ndarray, "points sizes"],
    covariance: Any,
) -> Float[np.ndarray, "points points"]:
    """Covariance of ε_∞ between points; sizes are independent of each other."""
    points, count = stderrs.shape
    if covariance is None:
        return np.diag(np.sum((weights * stderrs) ** 2, axis=1))
    given = check_real("covariance", covariance)
    if given.shape != (count, points, points):
        raise InputError(
            f"covariance must have shape (sizes, points, points) = {(count, points, points)}, "
            f"got {given.shape}"
        )
    if not np.allclose(np.einsum("spp->ps", given), stderrs**2, rtol=1e-6, atol=0.0):
        raise InputError("covariance must have stderrs**2 on its diagonals")
    return np.einsum("ps,spq,qs->pq", weights, given, weights)


def _inverse(
    covariance: Float[np.ndarray, "points points"],
) -> tuple[Float[np.ndarray, "points points"], int]:
    """Pseudo-inverse and rank: two rules that keep the same examples count once."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > DEPENDENT
    half = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return half @ half.T, int(kept.sum())


def _freedom(
    weights: Float[np.ndarray, "points sizes"],
    stderrs: Float[np.ndarray, "points sizes"],
    trials: Any,
) -> Float[np.ndarray, " points"]:
    """Degrees of freedom of the standard error of ε_∞, after Welch and Satterthwaite."""
    if trials is None:
        return np.full(len(stderrs), np.inf)
    counts = check_real("trials", trials, 2.0)
    if counts.shape != stderrs.shape:
        raise InputError(f"trials must have the shape of means, {stderrs.shape}")
    parts = (weights * stderrs) ** 2
    return parts.sum(axis=1) ** 2 / (parts**2 / (counts - 1.0)).sum(axis=1)


def _normal_deviate(
    z: Float[np.ndarray, " points"], freedom: Float[np.ndarray, " points"]
) -> Float[np.ndarray, " points"]:
    """The normal deviate with the tail probability that z has under Student's t."""
    deviate = norm.isf(t.sf(np.abs(z), freedom))
    # Tails too thin for a float64: t is normal there, or z is beyond all doubt.
    return np.sign(z) * np.where(np.isfinite(deviate), deviate, np.abs(z))


def _checked(
    sizes: Any, means: Any, stderrs: Any
) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, "p s"], Float[np.ndarray, "p s"]]:
    """The three arrays, one dimension of `sizes` per column of the others."""
    sizes = np.atleast_1d(check_real("sizes", sizes, 0.0, low_open=True))
    means = np.atleast_2d(check_real("means", means, 0.0, 1.0))
    stderrs = np.atleast_2d(check_real("stderrs", stderrs, 0.0, low_open=True))
    if sizes.ndim != 1 or len(np.unique(sizes)) < 2 or len(np.unique(sizes)) < len(sizes):
        raise InputError(f"sizes must be at least two different dimensions N, got {sizes.tolist()}")
    for name, array in (("means", means), ("stderrs", stderrs)):
        if array.ndim != 2 or array.shape[1] != len(sizes) or array.shape != means.shape:
            raise InputError(
                f"{name} must have shape (points, {len(sizes)}), one column a size, "
                f"got {array.shape}"
            )
    return sizes, means, stderrs
