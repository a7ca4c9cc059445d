"""Theory against simulation: extrapolate simulated means to N → ∞, then judge all points at once.

The theory holds for N → ∞; at finite dimension N the mean error differs from it by a series in 1/N
(mean-field fluctuations).  So the means at several sizes are fitted by

    mean(N) = ε_∞ + c₁/N + c₂/N²         (weighted least squares; weights 1/stderr²)

and ε_∞, with the uncertainty that the fit gives it, is held against the theory:
z = (ε_∞ − theory)/stderr(ε_∞), and Σ z² follows χ² with one degree of freedom a point if both the
theory and the simulation are right.  Nothing here runs a simulation: numbers in, verdict out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from prunelaw._checks import check_integer, check_real
from prunelaw.errors import InputError

P_THRESHOLD = 1e-3  # a correct theory fails one run in a thousand
POWER = 0.9  # of the test, where `Agreement.detectable` is quoted


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Means at several dimensions N, continued to N → ∞ by a polynomial in 1/N."""

    value: Float[np.ndarray, " points"]
    """ε_∞"""
    stderr: Float[np.ndarray, " points"]
    """standard error of ε_∞, propagated from the means; no allowance for higher orders in 1/N"""
    slope: Float[np.ndarray, " points"]
    """c₁: how fast the mean leaves ε_∞ as 1/N grows"""
    order: int
    """highest power of 1/N"""
    misfit: Float[np.ndarray, " points"]
    """χ² of the fit itself, on len(sizes) − order − 1 degrees of freedom (0 of them: exact)"""


@dataclass(frozen=True, eq=False)
class Agreement:
    """How well simulation and theory agree, point by point and together."""

    theory: Float[np.ndarray, " points"]
    sizes: Float[np.ndarray, " sizes"]
    means: Float[np.ndarray, "points sizes"]
    stderrs: Float[np.ndarray, "points sizes"]
    limit: Extrapolation
    z: Float[np.ndarray, " points"]
    """(ε_∞ − theory)/stderr, the number that is judged"""
    raw_z: Float[np.ndarray, " points"]
    """the same at the largest N without extrapolation: contains the finite-size effect"""
    chi2: float
    """Σ z²"""
    p_value: float
    """probability of a χ² at least this large if theory and simulation are both right"""
    threshold: float
    """`agrees` means p_value ≥ threshold"""
    agrees: bool
    worst: int
    """index of the point with the largest |z|"""

    @property
    def detectable(self) -> float:
        """Relative error, common to all points, that this test would catch with probability 0.9."""
        return detectable_error(self.theory / self.limit.stderr, self.threshold)


def extrapolate(sizes: Any, means: Any, stderrs: Any, order: int | None = None) -> Extrapolation:
    """ε_∞ of every point from means at dimensions `sizes`, a polynomial of degree `order` in 1/N.

    sizes    at least two different dimensions N > 0, shape (sizes,)
    means    mean error, shape (points, sizes)
    stderrs  standard errors > 0 of the means, same shape
    order    1 … len(sizes) − 1; default 2 where there are three sizes or more, else 1

    Raises `InputError` for other input.
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
    order: int | None = None,
    threshold: float = P_THRESHOLD,
) -> Agreement:
    """Judge `theory`, shape (points,), against simulated means; the rest as in `extrapolate`.

    The two agree if the χ² p-value over all points is at least `threshold` ∈ (0, 1).
    Raises `InputError` for input outside its range.
    """
    theory = np.atleast_1d(check_real("theory", theory, 0.0, 1.0))
    check_real("threshold", threshold, 0.0, 1.0, low_open=True, high_open=True)
    limit = extrapolate(sizes, means, stderrs, order)
    sizes, means, stderrs = _checked(sizes, means, stderrs)
    if theory.shape != limit.value.shape:
        raise InputError(
            f"theory must have one value a point, shape {limit.value.shape}, got {theory.shape}"
        )
    z = (limit.value - theory) / limit.stderr
    largest = int(np.argmax(sizes))
    total = float(np.sum(z**2))
    p_value = float(chi2.sf(total, len(z)))
    return Agreement(
        theory=theory,
        sizes=sizes,
        means=means,
        stderrs=stderrs,
        limit=limit,
        z=z,
        raw_z=(means[:, largest] - theory) / stderrs[:, largest],
        chi2=total,
        p_value=p_value,
        threshold=float(threshold),
        agrees=p_value >= threshold,
        worst=int(np.argmax(np.abs(z))),
    )


def detectable_error(theory_over_stderr: Any, threshold: float = P_THRESHOLD) -> float:
    """Smallest common relative error of a theory that the χ² test catches with probability 0.9.

    A theory off by the factor 1 + δ gives a noncentral χ² with λ = δ² Σ (theory/stderr)².
    """
    ratios = np.atleast_1d(check_real("theory_over_stderr", theory_over_stderr))
    strength = float(np.sum(ratios**2))
    if strength == 0.0:
        return float("inf")
    points = len(ratios)
    limit = chi2.isf(threshold, points)

    def missing(root: float) -> float:
        return float(ncx2.sf(limit, points, root**2)) - POWER

    root: Any = brentq(missing, 1e-3, 10.0 + 2.0 * np.sqrt(limit))
    return float(root) / float(np.sqrt(strength))


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
