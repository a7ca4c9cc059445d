"""Least-squares fits of any law, with the evidence: optima, uncertainties, what is not identified.

A `Problem` is a law on fixed rows (`_least_squares.Model`), the measured errors and their weights.
`fit_problem` minimises from every start of the law at once, reports the other optima, and takes
standard errors from the Jacobian at the best one.  `prunelaw_sim.fits.intervals` does better than
those where the law bends: profile likelihood and bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.stats import chi2

from prunelaw.errors import ConvergenceError, InputError
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.fits.least_squares import Model, Solved, minimise_model, natural
from prunelaw_sim.fits.rows import has_error_bars, measured

_ALIKE, _SAME = 1e-3, 1e-6  # predictions this close (of the errors' range) are one optimum
_LOOK = 15  # steps that every start gets; the distinct ends go on
_EQUAL = 1e-9  # relative difference of squared errors that no profile and no test could see
_MOST_POLISHED = 8
_MISFIT = 1e-3  # a χ² less probable than this is no chance
_VAGUE = 0.5  # a relative standard error above this leaves a parameter open
_RIDGE = 0.95  # correlations above this are named
_LONG = 0.3  # a standard error that moves a logarithm by more than this is a long ridge


@dataclass(frozen=True, eq=False)
class Problem:
    """A law on fixed rows, what was measured there, and how far each row is to be trusted."""

    law: str
    model: Model
    error: Float[np.ndarray, " rows"]
    """on the scale that is fitted: logarithms where the model predicts logarithms"""
    weight: Float[np.ndarray, " rows"]
    known_scatter: bool
    """whether the weights are 1/standard error; else the scatter is estimated from the residuals"""
    run: np.ndarray
    """name of the run of every row: rows of one run are resampled together"""

    @classmethod
    def of(cls, law: str, model: Model, table: pd.DataFrame) -> Problem:
        """The model against the rows that it was built on; refuses too few of them.

        Without error bars all rows weigh the same, on the scale that is fitted.
        """
        error, weight = model.scaled(*measured(table))
        known = has_error_bars(table)
        weight = weight if known else np.ones_like(error)
        refuse_too_few(law, model, error.size)
        runs = table["run"] if "run" in table else pd.Series(np.arange(len(table)))
        return cls(law, model, error, weight, known, np.array(runs, dtype=str))

    def residual(self, p: Float[np.ndarray, " p"]) -> Float[np.ndarray, " rows"]:
        """Measured − predicted, on the scale that is fitted."""
        return self.error - self.model.evaluate(p[None])[0][0]

    def cost(self, p: Float[np.ndarray, " p"]) -> float:
        """Σ (weight · residual)²."""
        return float(np.sum((self.weight * self.residual(p)) ** 2))


@dataclass(frozen=True)
class FitWarning:
    """Something that a reader of the fit must know; `kind` is for programs, `message` for people.

    kinds: "not_identified", "at_bound", "ridge", "other_optimum", "misfit", "assumption".
    """

    kind: str
    parameters: tuple[str, ...]
    message: str


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted law with its evidence. Row arrays follow the order of the table."""

    law: str
    values: Mapping[str, float]
    """parameter → value"""
    rmse: float
    """root mean square residual of the fitted rows, unweighted"""
    points: int
    held_out: Mapping[str, float] | None
    """rmse and points of the rows that the fit never saw"""
    status: str
    parameters: tuple[str, ...]
    standard_errors: Mapping[str, float]
    """from the Jacobian, scaled by the residual variance; nan when there is none to speak of"""
    correlation: Float[np.ndarray, "p p"]
    """of the internal coordinates (logarithms, except for d), in the order of `parameters`"""
    condition: float
    """condition number of the Jacobian with columns scaled to length 1"""
    warnings: tuple[FitWarning, ...]
    n_starts: int
    other_optima: tuple[Mapping[str, Any], ...]
    """other converged optima, best first: rmse and values"""
    predicted: Float[np.ndarray, " rows"]
    residuals: Float[np.ndarray, " rows"]
    """error − predicted"""
    fitted: Bool[np.ndarray, " rows"]
    """False for held-out rows"""
    freedom: int
    """fitted rows minus parameters that the data determine"""
    scatter: float
    """standard deviation of one row's error at weight 1: estimated, or 1 where it is known"""

    problem: Problem = field(repr=False)
    point: Float[np.ndarray, " p"] = field(repr=False)
    """internal coordinates of `values`"""
    other_points: Float[np.ndarray, "others p"] = field(repr=False)
    """internal coordinates of `other_optima`"""

    @property
    def scatter_known(self) -> bool:
        """Whether the table's standard errors hold: then there are no degrees of freedom to pay."""
        return self.problem.known_scatter and self.scatter == 1.0

    @property
    def not_identified(self) -> Mapping[str, str]:
        """parameter → why the data do not determine it"""
        kinds = ("not_identified", "at_bound")
        return {w.parameters[0]: w.message for w in self.warnings if w.kind in kinds}

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, strings and numbers for JSON; inf and nan become None."""
        left_out = ("problem", "point", "other_points")
        named = {n: getattr(self, n) for n in self.__dataclass_fields__ if n not in left_out}
        return to_plain(named | {"not_identified": self.not_identified})


def fit_fields(
    problem: Problem, table: pd.DataFrame, fitted: Bool[np.ndarray, " rows"]
) -> dict[str, Any]:
    """Solves the problem, which holds the `fitted` rows of `table`: every field of a `Fit`."""
    starts = problem.model.starts(problem.error, problem.weight)
    optima = solve_from_starts(problem, starts)
    model = problem.model if fitted.all() else problem.model.on(table)
    predicted = model.predict(optima.p[0])
    residuals = measured(table)[0] - predicted
    return {
        "law": problem.law,
        "values": named(problem.model, optima.p[0]),
        "rmse": root_mean_square(residuals[fitted]),
        "points": int(fitted.sum()),
        "held_out": None
        if fitted.all()
        else {"rmse": root_mean_square(residuals[~fitted]), "points": int((~fitted).sum())},
        "parameters": problem.model.parameters,
        **evidence(problem, optima),
        "n_starts": len(starts),
        "other_optima": other_optima(problem, optima),
        "predicted": predicted,
        "residuals": residuals,
        "fitted": fitted,
        "problem": problem,
        "point": optima.p[0],
        "other_points": optima.p[1:],
    }


def solve_from_starts(problem: Problem, starts: Float[np.ndarray, "starts p"]) -> Solved:
    """Distinct optima, best first: a first look from every start, the distinct ends to the end."""
    data = problem.error, problem.weight
    wide = float(np.ptp(problem.error)) or 1.0
    looks = minimise_model(problem.model, starts, *data, loose=True, most_steps=_LOOK)
    kept = _distinct(problem, looks, _ALIKE * wide)
    kept = kept[looks.cost[kept] <= _worth_reporting(problem, looks.cost.min())][:_MOST_POLISHED]
    ends = minimise_model(problem.model, looks.p[kept], *data)
    best = int(np.argmin(ends.cost))
    # An end at the flat rim of the box may creep for ever: a settled one as good will do.
    if not (ends.settled & (ends.cost <= ends.cost[best] * (1.0 + _EQUAL))).any():
        raise ConvergenceError(
            f"the fit did not settle in {ends.steps[best]} steps (one more could remove "
            f"{ends.promise[best] / max(ends.cost[best], 1e-300):.1e} of the squared error): "
            "fewer free parameters or more rows are needed"
        )
    ends = _only(ends, np.flatnonzero(ends.settled))
    return _only(ends, _distinct(problem, ends, _SAME * wide))


def _worth_reporting(problem: Problem, best: float) -> float:
    """The largest squared error of an optimum that anybody would look at: 10 times the best rms,
    or an rms of 1 % of the errors' range."""
    return max(100.0 * best, float(np.sum((0.01 * np.ptp(problem.error) * problem.weight) ** 2)))


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
    doubted = {w.parameters[0] for w in warnings if w.kind in ("not_identified", "at_bound")}
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


def other_optima(problem: Problem, optima: Solved) -> tuple[dict[str, Any], ...]:
    """rmse and values of all optima but the best one."""
    error, found = problem.model.to_error(problem.error), []
    for p in optima.p[1:]:
        rmse = root_mean_square(error - problem.model.predict(p))
        found.append({"rmse": rmse, "values": named(problem.model, p)})
    return tuple(found)


def named(model: Model, p: Float[np.ndarray, " p"]) -> dict[str, float]:
    """Natural values by name."""
    return dict(zip(model.parameters, natural(p, model.kinds).tolist(), strict=True))


def refuse_too_few(law: str, model: Model, rows: int) -> None:
    """`InputError` for fewer rows than free parameters."""
    free = [n for n, lo, hi in zip(model.parameters, model.low, model.high, strict=True) if lo < hi]
    if rows < len(free):
        raise InputError(
            f"{law} has {len(free)} parameters ({', '.join(free)}), but only {rows} rows are left "
            "to fit: more rows or fewer pools are needed"
        )


def refuse_constant(error: Float[np.ndarray, " rows"]) -> None:
    """`InputError` for errors that are all the same: every law fits, and none is learned."""
    if np.ptp(error) == 0.0:
        raise InputError(
            f"column error: all {error.size} rows have the error {error[0]:g}; "
            "a law is fitted to errors that change with the data"
        )


def root_mean_square(residuals: Float[np.ndarray, " n"]) -> float:
    """√ mean of squares."""
    return float(np.sqrt(np.mean(residuals**2)))


def _distinct(problem: Problem, ends: Solved, apart: float) -> np.ndarray:
    """By cost, those whose predictions differ by more than `apart` from every better one."""
    predicted = ends.residual / problem.weight
    kept: list[int] = []
    for i in np.argsort(ends.cost, kind="stable"):
        if np.isfinite(ends.cost[i]) and all(
            np.abs(predicted[i] - predicted[j]).max() > apart for j in kept
        ):
            kept.append(int(i))
    return np.array(kept, dtype=np.int64)


def _only(ends: Solved, which: np.ndarray) -> Solved:
    return Solved(
        ends.p[which],
        ends.cost[which],
        ends.residual[which],
        ends.promise[which],
        ends.settled[which],
        ends.steps[which],
    )


def _scatter(
    residual: Float[np.ndarray, " rows"], spare: int, known: bool
) -> tuple[float, list[FitWarning]]:
    """√(RSS/ν); 1 where the weights are 1/standard error, unless χ² says that the law is wrong."""
    squared = float(residual @ residual)
    estimate = math.sqrt(squared / spare) if spare > 0 else math.nan
    if not known:
        return estimate, []
    p = float(chi2.sf(squared, spare)) if spare > 0 else 1.0
    if p >= _MISFIT:
        return 1.0, []
    message = (
        f"the residuals are {estimate:.3g} times the table's standard errors (χ² p = {p:.1e}): the "
        "law does not describe the data within them; all uncertainties are enlarged by that factor"
    )
    return estimate, [FitWarning("misfit", (), message)]


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


def _held_warnings(model: Any, held: Mapping[int, bool]) -> list[FitWarning]:
    known = model.uninformed()
    names = [(model.parameters[i], upper) for i, upper in held.items()]
    return [
        FitWarning("at_bound", (name,), model.at_edge(name, upper))
        for name, upper in names
        if name not in known
    ]


def _vague_warnings(
    model: Any, p: Any, spread: Any, correlation: Any, judged: bool, held: Mapping[int, bool]
) -> list[FitWarning]:
    """Free parameters that the data leave open; `spread` is of logarithms, except for d."""
    known = model.uninformed()
    found = []
    for i, name in enumerate(model.parameters):
        if name in known:
            found.append(FitWarning("not_identified", (name,), known[name]))
            continue
        if i in held or model.low[i] == model.high[i]:
            continue
        if not judged:
            why = "as many free parameters as rows: nothing is left to judge it by"
            found.append(FitWarning("not_identified", (name,), why))
            continue
        size = max(abs(p[i]), 1e-300) if model.kinds[i] == "linear" else 1.0
        relative = spread[i] / size
        if not relative <= _VAGUE:
            found.append(_vague(model, i, relative, correlation))
    return found


def _vague(model: Model, i: int, relative: float, correlation: Any) -> FitWarning:
    others = np.abs(np.nan_to_num(correlation[i]))
    others[i] = 0.0
    partner = int(np.argmax(others))
    why = f"its standard error is {relative:.2g} of its value"
    if others[partner] <= _RIDGE:
        return FitWarning("not_identified", (model.parameters[i],), why)
    why += (
        f"; it trades off with {model.parameters[partner]} "
        f"(correlation {correlation[i, partner]:.4f})"
    )
    pair = (model.parameters[i], model.parameters[partner])
    return FitWarning("not_identified", pair, why)


def _ridge_warning(
    model: Model, p: Any, weakest: Any, free: Any, least: float, scatter: float
) -> list[FitWarning]:
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
    return [FitWarning("ridge", names, message)]


def _optima_warnings(problem: Problem, optima: Solved) -> list[FitWarning]:
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
    return [FitWarning("other_optimum", (), message)]
