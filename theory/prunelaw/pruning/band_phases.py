"""Where the best band of |z| is keep-hard, where keep-easy, and what a band gains between them.

A *band* keeps low < |z| < high; hard (x = 0) and easy
(x = 1 − f, high = ∞) are its two ends. What is found about them (checked on
f ∈ [.05, .8], θ ∈ [0, 1], α_tot ∈ [.1, 1e6]):

- θ > 0: hard is *exactly* the best band above some α_tot. `band_boundary("hard", …)` finds where
  I(γ) = I(0), below which moving outward pays; for small θ another band is still better there and
  hard takes over later, by a jump (`transition`, `jump`).
- θ = 0: I(γ) < I(0) for every α_tot: hard is never exactly the best band, but its loss dies out
  exponentially in α_tot. There, boundaries exist by tolerance only: `gain_boundary`.
- easy is the best band where I(γ) > 0 = I(∞), i.e. where an example just below the threshold
  harms: small α_tot and large f. Elsewhere the best band drops the far tail, which at small
  α_tot holds exponentially little mass: again a matter of tolerance.

"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from prunelaw.checks import check_choice, check_real
from prunelaw.keep import threshold
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.roots import bracketed_roots, common, log_grid, scanned_roots
from prunelaw.perceptron.sensitivity import influence
from prunelaw.perceptron.solver import solve
from prunelaw.pruning.band import ALL_SCANNED, BestBand, best_band

SCAN = 33  # points of the first look in log f or log α
NOISE = 1e-10  # log ratios of errors below this are rounding, not a difference


@dataclass(frozen=True, eq=False)
class BandGain:
    """What the best band gains over the plain rules; arrays of one shape.

    Attributes:
        gain: 1 − ε_band/min(ε_hard, ε_easy, ε_random), NaN where anything failed.
        plain: which of the three is best.
        band: the best band.
    """

    gain: Float[np.ndarray, "*shape"]
    plain: Shaped[np.ndarray, "*shape"]
    errors: Float[np.ndarray, "3 ..."]
    band: BestBand
    converged: Bool[np.ndarray, "*shape"]


def band_gain(alpha_tot: Any, f: Any, theta: Any = 0.0) -> BandGain:
    """Relative gain of the best band over the best of hard, easy and random, as in `best_band`."""
    band = best_band(alpha_tot, f, theta)
    names = np.array(["hard", "easy", "random"])
    places = (band.alpha_tot, band.f, band.theta)
    solved = [solve(*places, name, throw=False) for name in names.tolist()]
    errors = np.stack([solution.error for solution in solved])
    good = np.all([solution.converged for solution in solved], axis=0) & band.converged
    good = np.asarray(good)
    least = np.where(np.isnan(errors), np.inf, errors)
    gain = np.where(good, 1.0 - band.error / least.min(axis=0), np.nan)
    return BandGain(gain, np.asarray(names[least.argmin(axis=0)]), errors, band, good)


@dataclass(frozen=True, eq=False)
class Boundary:
    """A line α_tot(f, θ) between phases of the best band; arrays have the shape of (theta, f).

    Attributes:
        alpha_tot: the boundary, NaN if there is none in the range (`reason`).
        transition: band_boundary: where the rule becomes (hard) or ceases to be (easy) the best
            band; equal to alpha_tot unless another band is better there, which is the `jump`.
        residual: what is left of the equation at alpha_tot.
        roots: per point (flattened), all roots found, ascending.
    """

    kind: str
    alpha_range: tuple[float, float]
    theta: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    alpha_tot: Float[np.ndarray, "*shape"]
    transition: Float[np.ndarray, "*shape"]
    jump: Bool[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]
    roots: tuple[tuple[float, ...], ...]
    reason: Shaped[np.ndarray, "*shape"]


def band_boundary(
    kind: str, theta: Any, f: Any, alpha_range: Sequence[float | int] = (1e-2, 1e6)
) -> Boundary:
    """Where the hard, or the easy, rule stops being optimal among bands near it.

    `transition` is where the rule is the best of all bands: beyond alpha_tot where a distant band
    is still better (small θ), found as the root of log ε_rule − log ε_of the other minimum. At θ =
    0 the hard boundary does not exist; easy needs f above a bound between .5 and .6 (`reason`).

    Args:
        kind: "hard": I(0) = I(γ) under the hard rule; above alpha_tot (the largest root) moving the
            band outward harms.  "easy": I(γ) = 0 = I(∞) under the easy rule; below alpha_tot (the
            smallest root) moving it inward harms.
        theta, f: broadcast; f in (0, 1), θ in [0, π/2] rad.

    Raises:
        InputError: for an argument outside its range.
    """
    check_choice("kind", kind, ("hard", "easy"))
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    fraction = check_real("f", f, 0.0, 1.0, low_open=True, high_open=True)
    grid = log_grid("alpha_range", alpha_range, np.inf, SCAN)
    shape, (angle, fraction) = common(theta=angle, f=fraction)
    gamma, n = threshold(kind, fraction), len(angle)

    def slope(index: Any, log_alpha: Array) -> Array:
        """f/ε times I(γ) − I(0), or I(γ): positive where the rule is best nearby."""
        result = np.empty(len(index))
        for i in np.unique(index):
            mine = np.flatnonzero(index == i)
            alpha, at = np.exp(log_alpha[mine]), (fraction[i], angle[i], kind)
            m = np.array([gamma[i], 0.0])
            values = influence(m, alpha, *at)
            values[:, 1] *= kind == "hard"
            result[mine] = (values[:, 0] - values[:, 1]) * fraction[i] / solve(alpha, *at).error
        return result

    values = slope(np.repeat(np.arange(n), SCAN), np.tile(grid, n)).reshape(n, SCAN)
    values = np.where(np.abs(values) < NOISE, 0.0, values)
    point, root, left, rises = scanned_roots(slope, np.tile(grid, (n, 1)), values)
    alpha, residual = np.full(n, np.nan), np.full(n, np.nan)
    # The rule is best nearby above a rise (hard), below a fall (easy).
    order = np.flatnonzero(rises == (kind == "hard"))
    for k in order if kind == "hard" else order[::-1]:  # the last written stays
        alpha[point[k]], residual[point[k]] = np.exp(root[k]), left[k]
    transition, jump = _transition(kind, alpha, fraction, angle, grid)
    reason = [
        "" if np.isfinite(a) else f"{kind} is never the best band nearby" for a in alpha.tolist()
    ]
    always = np.isnan(alpha) & (values > 0.0).all(axis=1)
    reason = np.where(always, f"{kind} is the best band nearby in the whole range", reason)
    columns = (angle, fraction, alpha, transition, jump, residual, reason)
    return _boundary(kind, alpha_range, shape, columns, point, root)


def _boundary(kind: str, alpha_range: Any, shape: Any, columns: Any, point: Any, root: Any):
    """The arrays in their shape, and the roots of each point."""
    angle, fraction, alpha, transition, jump, residual, reason = (
        column.reshape(shape) for column in columns
    )
    low, high = alpha_range
    roots = tuple(tuple(np.exp(root[point == i]).tolist()) for i in range(angle.size))
    return Boundary(
        kind, (float(low), float(high)), angle, fraction, alpha, transition, jump, residual,
        roots, reason,
    )  # fmt: skip


def _transition(
    kind: str, alpha: Array, f: Array, theta: Array, grid: Array
) -> tuple[Array, Bool[np.ndarray, " n"]]:
    """Where the rule is the best of all bands, from where it is so nearby; and if by a jump."""
    sign = 1.0 if kind == "hard" else -1.0
    result, jump = alpha.copy(), np.zeros(len(alpha), bool)

    def ahead(i: int, log_alpha: Array) -> Array:
        """log(ε_rule/ε_other minimum), −inf where there is no other."""
        rows = np.array_split(log_alpha, -(-len(log_alpha) // ALL_SCANNED))
        found = [best_band(np.exp(row), f[i], theta[i]) for row in rows]
        error, rival, end = (
            np.concatenate([getattr(band, name) for band in found])
            for name in ("error", "rival", "at_end")
        )
        plain = solve(np.exp(log_alpha), f[i], theta[i], kind, throw=False).error
        other = np.where(end == kind, rival, error)
        return np.nan_to_num(np.log(plain) - np.log(other), nan=-np.inf)

    for i in np.flatnonzero(np.isfinite(alpha)):
        start = np.log(alpha[i])
        beyond = start + sign * np.concatenate([[1e-3], np.geomspace(0.02, 8.0, 12)])
        beyond = beyond[(beyond >= grid[0]) & (beyond <= grid[-1])]
        values = ahead(int(i), beyond) if beyond.size else np.zeros(0)
        better = np.flatnonzero(values > 1e-5)
        if not better.size or better[-1] + 1 >= len(values):
            continue
        k = int(better[-1])
        root, _ = bracketed_roots(
            lambda _, x, i=i: np.maximum(ahead(int(i), x), -1.0),
            beyond[k : k + 1], beyond[k + 1 : k + 2], 1e-9,
        )  # fmt: skip
        # Beyond may be better still, by no more than rounding.
        last = root[0] if np.isfinite(root[0]) else beyond[k + 1]
        result[i], jump[i] = np.exp(last), True
    return result, jump


def gain_boundary(
    theta: Any, f: Any, tolerance: float = 0.01, alpha_range: Sequence[float | int] = (1e-1, 1e4)
) -> Boundary:
    """The largest α_tot at which the best band gains `tolerance` over hard, easy and random.

    `roots` holds both ends of every range of α_tot in which the gain is above the tolerance. Unlike
    `band_boundary` this exists at θ = 0 too.

    Args:
        theta, f: broadcast; f in (0, 1), θ in [0, π/2] rad.
        tolerance: of `band_gain`, in (0, 1).

    Raises:
        InputError: for an argument outside its range.
    """
    level = float(check_real("tolerance", tolerance, 0.0, 1.0, low_open=True, high_open=True))
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    fraction = check_real("f", f, 0.0, 1.0, low_open=True, high_open=True)
    grid = log_grid("alpha_range", alpha_range, np.inf, SCAN)
    shape, (angle, fraction) = common(theta=angle, f=fraction)
    n = len(angle)

    def excess(index: Any, log_alpha: Array) -> Array:
        parts = np.array_split(np.arange(len(index)), max(1, -(-len(index) // ALL_SCANNED)))
        gains = [
            band_gain(np.exp(log_alpha[k]), fraction[index[k]], angle[index[k]]).gain for k in parts
        ]
        return np.concatenate(gains) - level

    values = excess(np.repeat(np.arange(n), SCAN), np.tile(grid, n)).reshape(n, SCAN)
    point, root, left, rises = scanned_roots(excess, np.tile(grid, (n, 1)), values, 1e-9)
    alpha, residual = np.full(n, np.nan), np.full(n, np.nan)
    for k in np.flatnonzero(~rises):
        alpha[point[k]], residual[point[k]] = np.exp(root[k]), left[k]
    reason = np.where(np.isfinite(alpha), "", "the gain does not fall through it in the range")
    columns = (angle, fraction, alpha, alpha, np.zeros(n, bool), residual, reason)
    return _boundary(f"gain {level:g}", alpha_range, shape, columns, point, root)
