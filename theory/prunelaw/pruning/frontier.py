"""Best fractions, Pareto frontiers, and where one keep rule takes over from another.

All places are roots of exact quantities, never minima of grids: ∂ε/∂f and ∂ε/∂α come from
`prunelaw.perceptron.sensitivity`. A coarse scan only brackets.

Setting: Sorscher et al. 2022 (arXiv 2206.14486).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.keep import as_rule
from prunelaw.numerics.gaussian import Array
from prunelaw.numerics.roots import bracketed_roots, common, log_grid, scanned_roots
from prunelaw.perceptron.sensitivity import sensitivity
from prunelaw.perceptron.solver import solve

TIE = 1e-11  # relative difference of errors that is rounding
SCAN = 33  # points of the first look in log f or log α
NOISE = 1e-10  # log ratios of errors below this are rounding, not a difference


@dataclass(frozen=True, eq=False)
class BestFraction:
    """The fraction of least error; arrays have the broadcast shape of alpha and theta.

    Attributes:
        fixed: "alpha_tot" or "alpha_prune": which was held.
        f, error: where ε is least in `f_range`, and ε there.
        derivative: d log ε/d log f at f: about 0 inside, one-sided at an end.
        at_end: "" inside; "low" or "high": the least error lies at that end of `f_range`.
        minima: per point (flattened), all local minima found as (f, error), best first.
        converged: False if part of the scan failed: the minimum may have been missed.
    """

    fixed: str
    rule: str
    f_range: tuple[float, float]
    alpha_tot: Float[np.ndarray, "*shape"]
    alpha_prune: Float[np.ndarray, "*shape"]
    theta: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    derivative: Float[np.ndarray, "*shape"]
    at_end: Shaped[np.ndarray, "*shape"]
    minima: tuple[tuple[tuple[float, float], ...], ...]
    converged: Bool[np.ndarray, "*shape"]


def best_fraction(
    alpha_tot: Any = None,
    alpha_prune: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    f_range: Sequence[float | int] = (1e-3, 1.0),
) -> BestFraction:
    """The kept fraction of least error, at fixed α_tot (what to keep) or α_prune (what to buy).

    Roots of d log ε/d log f, bracketed by a scan of 33 f, polished to 1e-11 in log f; minima closer
    than a scan step may be missed. With a perfect probe (θ = 0) and α_prune > 2 the best f runs to
    the low end of any range: `at_end` says so.

    Args:
        alpha_tot, alpha_prune: exactly one of them, in (0, ∞); at fixed α_prune, α_tot = α_prune/f.
        theta: in [0, π/2] rad; broadcasts with alpha.
        rule: any rule that works at every f.
        f_range: where to look, within (0, 1].

    Raises:
        InputError: for an argument outside its range.
    """
    if (alpha_tot is None) == (alpha_prune is None):
        raise InputError("exactly one of alpha_tot and alpha_prune must be given")
    fixed = "alpha_tot" if alpha_prune is None else "alpha_prune"
    given = alpha_tot if alpha_prune is None else alpha_prune
    alpha = check_real(fixed, given, 0.0, low_open=True)
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    keep = as_rule(rule)
    if keep.fraction(np.zeros(())) is not None:
        raise InputError(f"rule must work at any fraction, but {keep.name} implies one")
    grid = log_grid("f_range", f_range, 1.0, SCAN)
    shape, (alpha, angle) = common(alpha=alpha, theta=angle)

    def slope(index: Any, log_f: Array) -> tuple[Array, Array]:
        f = np.minimum(np.exp(log_f), 1.0)
        total = alpha[index] if fixed == "alpha_tot" else alpha[index] / f
        found = sensitivity(total, f, angle[index], keep, throw=False)
        change = f * found.d_f
        if fixed == "alpha_prune":
            change = change - total * found.d_alpha_tot
        return found.error, change / found.error

    n = len(alpha)
    owner, place = np.repeat(np.arange(n), SCAN), np.tile(grid, n)
    error, change = (value.reshape(n, SCAN) for value in slope(owner, place))
    point, cell = np.nonzero((change[:, :-1] < 0.0) & (change[:, 1:] > 0.0))
    root, _ = bracketed_roots(lambda k, x: slope(point[k], x)[1], grid[cell], grid[cell + 1])
    at_root, left = slope(point, np.where(np.isnan(root), grid[cell], root))
    minima: list[list[tuple[float, float, float, str]]] = [[] for _ in range(n)]
    for i, at, f, slope_left in zip(point, at_root, np.exp(root), left, strict=True):
        minima[i].append((float(at), float(f), float(slope_left), ""))
    ends = float(np.exp(grid[0])), min(float(np.exp(grid[-1])), 1.0)
    for i in range(n):
        if change[i, 0] > 0.0:
            minima[i].append((float(error[i, 0]), ends[0], float(change[i, 0]), "low"))
        # At f = 1 a hard rule's derivative is 0, the influence of examples at infinity.
        if change[i, -1] <= 0.0 and change[i, -2] <= 0.0:
            minima[i].append((float(error[i, -1]), ends[1], float(change[i, -1]), "high"))
        minima[i].sort(key=lambda found: np.nan_to_num(found[0], nan=np.inf))
    nothing = (np.nan, np.nan, np.nan, "")
    best = np.array([tuple(found[0]) if found else nothing for found in minima], dtype=object)
    best = best.reshape(n, 4)
    least, fraction, derivative = (best[:, k].astype(float).reshape(shape) for k in range(3))
    given = alpha.reshape(shape)
    total = given if fixed == "alpha_tot" else np.asarray(given / fraction)
    kept = given if fixed == "alpha_prune" else np.asarray(given * fraction)
    sound = np.array([len(found) > 0 for found in minima]) & np.isfinite(error).all(axis=1)
    return BestFraction(
        fixed, keep.name, (float(f_range[0]), float(f_range[1])), total, kept,
        angle.reshape(shape), fraction, least, derivative,
        best[:, 3].astype(str).reshape(shape),
        tuple(tuple((f, at) for at, f, *_ in found) for found in minima), sound.reshape(shape),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Frontier:
    """ε*(α_prune): the least error over f in `f_range`, over `rules`, and over not pruning.

    Attributes:
        f, rule: what reaches it; rule "unpruned" where f = 1 is best.
        at_end: as in `BestFraction`: where "low", the frontier is that of the range.
        derivative: d log ε/d log f at fixed α_prune.
    """

    f_range: tuple[float, float]
    rules: tuple[str, ...]
    alpha_prune: Float[np.ndarray, "*shape"]
    theta: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    rule: Shaped[np.ndarray, "*shape"]
    derivative: Float[np.ndarray, "*shape"]
    at_end: Shaped[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]


def pareto(
    alpha_prune: Any,
    theta: Any = 0.0,
    f_range: Sequence[float | int] = (1e-3, 1.0),
    rules: Sequence[Any] = ("hard", "easy"),
) -> Frontier:
    """The frontier ε*(α_prune) = min over f and rules, f = 1 included; arguments broadcast.

    With θ = 0 it depends on `f_range` above α_prune = 2 (see `best_fraction`): state the range.

    Raises:
        InputError: for an argument outside its range.
    """
    if not rules:
        raise InputError("rules must name at least one rule, got none")
    found = [best_fraction(None, alpha_prune, theta, rule, f_range) for rule in rules]
    plain = solve(found[0].alpha_prune, 1.0, found[0].theta, "random", throw=False)
    shape = plain.error.shape
    # A tie goes to not pruning: at θ = π/2 the probe knows nothing, and f does not matter.
    errors = np.stack([plain.error * (1.0 - TIE), *(best.error for best in found)])
    everything = np.asarray(np.argmin(np.where(np.isnan(errors), np.inf, errors), axis=0))
    unpruned = np.zeros(shape)

    def chosen(first: Any, rest: list[Any]) -> Any:
        stacked = np.stack([np.broadcast_to(first, shape), *rest])
        return np.asarray(np.take_along_axis(stacked, everything[None], axis=0)[0])

    f = chosen(unpruned + 1.0, [best.f for best in found])
    whole = f == 1.0
    names = np.array(["unpruned", *(best.rule for best in found)])[everything]
    return Frontier(
        found[0].f_range, tuple(best.rule for best in found), found[0].alpha_prune,
        found[0].theta, chosen(plain.error, [best.error for best in found]), f,
        np.where(whole, "unpruned", names),
        chosen(unpruned + np.nan, [best.derivative for best in found]),
        chosen(np.full(shape, "high"), [best.at_end for best in found]),
        np.asarray(plain.converged & np.all([best.converged for best in found], axis=0)),
    )  # fmt: skip


# --- where two rules cross --------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Switch:
    """The α_tot at which two rules have the same error. Arrays have the shape of (theta, f).

    Attributes:
        alpha_tot: the first crossing above which `second` is better; NaN if there is none.
        error: ε of both there.
        residual: log(ε_first/ε_second) there.
        crossings: per point (flattened): all α_tot found, ascending, with the rule better above.
        reason: "" or why there is none.
    """

    first: str
    second: str
    alpha_range: tuple[float, float]
    theta: Float[np.ndarray, "*shape"]
    f: Float[np.ndarray, "*shape"]
    alpha_tot: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    residual: Float[np.ndarray, "*shape"]
    crossings: tuple[tuple[tuple[float, str], ...], ...]
    reason: Shaped[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]


def switch(
    theta: Any,
    f: Any = None,
    first: Any = "easy",
    second: Any = "hard",
    alpha_range: Sequence[float | int] = (1e-2, 1e6),
) -> Switch:
    """Where `second` overtakes `first` as α_tot grows: roots of log(ε_first/ε_second) in log α_tot.

    Bracketed by a scan of 33 α_tot, whose exact slopes also find pairs of crossings inside one
    step; polished to 1e-11 in log α_tot. Published at θ = 0 (easy → hard): 9.67, 4.93, 5.05, 5.76,
    7.21, 10.3, 20.1 for f = .8, .6, .5, .4, .3, .2, .1.

    Args:
        theta, f: broadcast; f may be None where a rule implies it.
        first, second: any rules of `prunelaw.solve`.
        alpha_range: where to look.

    Raises:
        InputError: for an argument outside its range.
    """
    angle = check_real("theta", theta, 0.0, np.pi / 2)
    rules = as_rule(first), as_rule(second)
    if f is None:
        implied = [value for value in (rule.fraction(angle) for rule in rules) if value is not None]
        if not implied:
            raise InputError("f must be given: both rules work at any fraction kept")
        f = implied[0]
    fraction = check_real("f", f, 0.0, 1.0, low_open=True)
    shape, (angle, fraction) = common(theta=angle, f=fraction)
    grid = log_grid("alpha_range", alpha_range, np.inf, SCAN)
    n = len(angle)

    def both(index: Any, log_alpha: Array) -> tuple[Array, Array, Array]:
        """log(ε1/ε2), its slope in log α, and ε2."""
        alpha = np.exp(log_alpha)
        one, two = (
            sensitivity(alpha, fraction[index], angle[index], rule, throw=False) for rule in rules
        )
        gap = np.log(one.error) - np.log(two.error)
        slope = alpha * (one.d_alpha_tot / one.error - two.d_alpha_tot / two.error)
        return gap, slope, two.error

    places = np.tile(grid, (n, 1))
    gap, slope, _ = (
        v.reshape(n, SCAN) for v in both(np.repeat(np.arange(n), SCAN), places.ravel())
    )
    places, gap = _with_dips(both, places, gap, slope)
    gap = np.where(np.abs(gap) < NOISE, 0.0, gap)
    point, root, _, upward = scanned_roots(lambda k, x: both(k, x)[0], places, gap)
    left, _, error = both(point, np.where(np.isnan(root), grid[0], root))
    results = {name: np.full(n, np.nan) for name in ("alpha_tot", "error", "residual")}
    for k in np.flatnonzero(upward)[::-1]:
        results["alpha_tot"][point[k]] = np.exp(root[k])
        results["error"][point[k]], results["residual"][point[k]] = error[k], left[k]
    names = rules[0].name, rules[1].name
    crossings = tuple(
        tuple((float(np.exp(root[k])), names[int(upward[k])]) for k in np.flatnonzero(point == i))
        for i in range(n)
    )
    reason = [_no_switch(gap[i], names) for i in range(n)]
    reason = np.where(np.isnan(results["alpha_tot"]), reason, "").reshape(shape)
    return Switch(
        *names, (float(alpha_range[0]), float(alpha_range[1])),
        angle.reshape(shape), fraction.reshape(shape),
        results["alpha_tot"].reshape(shape), results["error"].reshape(shape),
        results["residual"].reshape(shape),
        crossings, reason, np.array(np.isfinite(gap).all(axis=1)).reshape(shape),
    )  # fmt: skip


def _with_dips(both: Any, places: Array, gap: Array, slope: Array) -> tuple[Array, Array]:
    """The scan with a point added where a cubic through values and slopes turns towards 0."""
    step = np.diff(places, axis=1)
    towards = np.sign(gap[:, :-1]) * slope[:, :-1] < 0.0
    away = np.sign(gap[:, 1:]) * slope[:, 1:] > 0.0
    dips = towards & away & (gap[:, :-1] * gap[:, 1:] > 0.0)
    point, cell = np.nonzero(dips)
    extra, values = np.full_like(step, np.nan), np.full_like(step, np.nan)
    if point.size:
        # Where the slope, linear between the ends, is 0: near enough to see the other sign.
        share = slope[point, cell] / (slope[point, cell] - slope[point, cell + 1])
        extra[point, cell] = places[point, cell] + share * step[point, cell]
        values[point, cell] = both(point, extra[point, cell])[0]
    missing = np.isnan(extra)
    extra[missing], values[missing] = places[:, :-1][missing], gap[:, :-1][missing]
    places = np.concatenate([places, extra], axis=1)
    order = np.argsort(places, axis=1, kind="stable")
    joined = np.concatenate([gap, values], axis=1)
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(joined, order, axis=1)


def _no_switch(gap: Array, names: tuple[str, str]) -> str:
    sound = gap[np.isfinite(gap) & (gap != 0.0)]
    if not sound.size:
        return "both rules have the same error in the whole range"
    if (sound < 0.0).all():
        return f"{names[0]} is better in the whole range"
    if (sound > 0.0).all():
        return f"{names[1]} is better in the whole range"
    return f"{names[0]} overtakes {names[1]}, never the other way"
