"""Standard errors, correlations and warnings of a solved fit: what the data do not tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw_sim.common.note import Note
from prunelaw_sim.common.statistics import lack_of_fit
from prunelaw_sim.fits.fit import SIGNIFICANT
from prunelaw_sim.fits.least_squares import Model, Solved, natural
from prunelaw_sim.fits.problem import Problem

_VAGUE = 0.5  # a relative standard error above this leaves a parameter open
_RIDGE = 0.95  # correlations above this are named
_LONG = 0.3  # a standard error that moves a logarithm by more than this is a long ridge


def not_identified(warnings: Sequence[Note]) -> dict[str, str]:
    """Parameter → why the data do not determine it."""
    kinds = ("not_identified", "at_bound")
    return {w.parameters[0]: w.message for w in warnings if w.kind in kinds and w.parameters}


def evidence(problem: Problem, optima: Solved) -> dict[str, Any]:
    """Standard errors, correlations and warnings at the best optimum.

    Parameters held by a bound, or without influence, are left out of the covariance
    s² (JᵀJ)⁻¹, s² = RSS/(rows − parameters), or 1 where the weights are 1/standard error.
    """
    model, best = problem.model, optima.p[0]
    predicted, jacobians = model.evaluate(best[None])
    jacobian = problem.weight[:, None] * jacobians[0]
    length = np.linalg.norm(jacobian, axis=0)
    held = _held(model, best)
    given = model.low == model.high
    free = (length > 0.0) & ~given & ~np.isin(np.arange(best.size), list(held))
    _, singular, axes = np.linalg.svd(jacobian[:, free] / length[free], full_matrices=False)
    inverse = (axes.T / np.maximum(singular, 1e-150) ** 2) @ axes
    scale = np.sqrt(np.diag(inverse))
    spare = problem.error.size - int(free.sum())
    residual = problem.weight * (problem.error - predicted[0])
    scatter, misfit = _scatter(residual, spare, problem.known_scatter)
    spread = np.full(length.size, math.nan)
    spread[free] = scatter * scale / length[free]
    spread[given] = 0.0
    correlation = np.full((length.size, length.size), math.nan)
    correlation[np.ix_(free, free)] = inverse / np.outer(scale, scale)
    flat = singular.size > 0 and not singular[-1] > 0.0
    judged = spare > 0 or problem.known_scatter
    warnings = misfit + _held_warnings(model, held)
    warnings += _vague_warnings(model, best, spread, correlation, judged, held)
    if free.any() and judged:
        weakest = axes[-1] / length[free]
        warnings += _ridge_warning(model, best, weakest, free, float(singular[-1]), scatter)
    warnings += _optima_warnings(problem, optima)
    doubted = not_identified(warnings)
    return {
        "status": f"converged; {spare} more rows than free parameters, "
        f"{len(doubted)} of {length.size} parameters not identified",
        "standard_errors": _natural_errors(model, best, spread),
        "correlation": correlation,
        "condition": math.inf if flat or not singular.size else float(singular[0] / singular[-1]),
        "warnings": tuple(warnings),
        "freedom": spare,
        "scatter": scatter,
    }


def _scatter(
    residual: Float[np.ndarray, " rows"], spare: int, known: bool
) -> tuple[float, list[Note]]:
    """√(RSS/ν); 1 where the weights are 1/standard error, unless χ² says that the law is wrong."""
    squared = float(residual @ residual)
    estimate = math.sqrt(squared / spare) if spare > 0 else math.nan
    if not known:
        return estimate, []
    p = lack_of_fit(squared, spare) if spare > 0 else 1.0
    if p >= SIGNIFICANT:
        return 1.0, []
    message = (
        f"the residuals are {estimate:.3g} times the table's standard errors (χ² p = {p:.1e}): the "
        "law does not describe the data within them; all uncertainties are enlarged by that factor"
    )
    return estimate, [Note("misfit", message, ())]


def _natural_errors(model: Model, p: Any, spread: Any) -> dict[str, float]:
    """Standard errors of values: |d value/d coordinate| times those of the coordinates."""
    slope = [1.0 if k == "linear" else math.exp(x) for k, x in zip(model.kinds, p, strict=True)]
    return dict(zip(model.parameters, (spread * np.array(slope)).tolist(), strict=True))


def _held(model: Model, p: Float[np.ndarray, " p"]) -> dict[int, bool]:
    """Index of each parameter at an end of its box → whether it is the upper one."""
    width = np.array([1e-3 if k != "linear" else 0.0 for k in model.kinds])
    width = np.where(width == 0.0, 1e-3 * (model.high - model.low), width)
    at_low = (p - model.low < width) & (model.low < model.high)
    at_high = (model.high - p < width) & (model.low < model.high)
    return {int(i): bool(at_high[i]) for i in np.flatnonzero(at_low | at_high)}


def _held_warnings(model: Any, held: Mapping[int, bool]) -> list[Note]:
    known = model.uninformed()
    names = [(model.parameters[i], upper) for i, upper in held.items()]
    return [
        Note("at_bound", model.at_edge(name, upper), (name,))
        for name, upper in names
        if name not in known
    ]


def _vague_warnings(
    model: Any, p: Any, spread: Any, correlation: Any, judged: bool, held: Mapping[int, bool]
) -> list[Note]:
    """Free parameters that the data leave open; `spread` is of logarithms, except for d."""
    known = model.uninformed()
    found = []
    for i, name in enumerate(model.parameters):
        if name in known:
            found.append(Note("not_identified", known[name], (name,)))
            continue
        if i in held or model.low[i] == model.high[i]:
            continue
        if not judged:
            why = "as many free parameters as rows: nothing is left to judge it by"
            found.append(Note("not_identified", why, (name,)))
            continue
        size = max(abs(p[i]), 1e-300) if model.kinds[i] == "linear" else 1.0
        relative = spread[i] / size
        if not relative <= _VAGUE:
            found.append(_vague(model, i, relative, correlation))
    return found


def _vague(model: Model, i: int, relative: float, correlation: Any) -> Note:
    others = np.abs(np.nan_to_num(correlation[i]))
    others[i] = 0.0
    partner = int(np.argmax(others))
    why = f"its standard error is {relative:.2g} of its value"
    if others[partner] <= _RIDGE:
        return Note("not_identified", why, (model.parameters[i],))
    why += (
        f"; it trades off with {model.parameters[partner]} "
        f"(correlation {correlation[i, partner]:.4f})"
    )
    pair = (model.parameters[i], model.parameters[partner])
    return Note("not_identified", why, pair)


def _ridge_warning(
    model: Model, p: Any, weakest: Any, free: Any, least: float, scatter: float
) -> list[Note]:
    """The direction that the data know least, where one standard error along it is a long way."""
    move = np.zeros(free.size)
    move[free] = weakest * min(scatter / max(least, 1e-300), 1e300)
    longest = float(np.abs(move[[k != "linear" for k in model.kinds]]).max(initial=0.0))
    if not longest > _LONG:
        return []
    move *= min(1.0, 1.0 / longest)
    before = natural(p, model.kinds)
    after = natural(np.clip(p + move, model.low, model.high), model.kinds)
    involved = np.abs(after - before) > 0.05 * np.abs(before)
    moved = [
        f"{name} {x:.3g} → {y:.3g}"
        for name, x, y, yes in zip(model.parameters, before, after, involved, strict=True)
        if yes
    ]
    names = tuple(n for n, yes in zip(model.parameters, involved, strict=True) if yes)
    message = (
        f"a ridge: {', '.join(moved)}, all together, is at most one standard error away; "
        "compare predictions, not parameters"
    )
    return [Note("ridge", message, names)]


def _optima_warnings(problem: Problem, optima: Solved) -> list[Note]:
    """Another optimum that the data can hardly tell from the best one."""
    rows = problem.error.size
    best = max(float(optima.cost[0]), 1e-300)
    close = [c for c in optima.cost[1:] if rows * math.log(max(c, 1e-300) / best) < 4.0]
    if not close:
        return []
    message = (
        f"{len(close)} other optimum or optima fit nearly as well (squared error "
        f"{min(close) / best:.3f} times the best): look at other_optima before any prediction"
    )
    return [Note("other_optimum", message, ())]
