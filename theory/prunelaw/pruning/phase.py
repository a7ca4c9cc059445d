"""Phase diagrams: which keep rule wins where, its error, and what it gains.

Three kinds of plane, one of them with an angle that is the same everywhere:

    ("alpha_tot", "f")        at fixed θ      how much to keep of what there is
    ("alpha_tot", "theta")    at fixed f      how good the probe must be
    ("alpha_prune", "theta")  at fixed f      the same at equal size after pruning

Rules are hard, easy, random and the best band of |z| (`prunelaw.pruning.band.best_band`). "band" is
called best only where it beats the others by more than 1 %, since at first order some band always
does.

The sharp change at α_prune = 2 (θ = 0, f → 0). Keep-hard with a perfect probe leaves examples on
the teacher's border, where labels say nothing about T beyond the border itself. A perceptron can
satisfy any labels of up to 2N such examples (its capacity, Cover 1965): below α_prune = 2 the
max-margin student finds a direction that has nothing to do with the teacher, ε → 1/2; above it
only directions within a distance ∝ f of T remain, and ε ∝ f. At finite f the change is smooth
over Δ log α ~ f.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from prunelaw.checks import check_choice, check_real
from prunelaw.errors import InputError
from prunelaw.perceptron.solver import solve
from prunelaw.pruning.band import best_band

PLANES = (("alpha_tot", "f"), ("alpha_tot", "theta"), ("alpha_prune", "theta"))
RULES = ("hard", "easy", "random", "band")
FIXED = {("alpha_tot", "f"): "theta", ("alpha_tot", "theta"): "f", ("alpha_prune", "theta"): "f"}
# A band is called the best rule only if it lowers the error by more than this share.
LEAST_GAIN = 0.01
BLOCK = 2048  # points solved together: enough to share their starts, few enough to resume from


class OtherGridError(InputError):
    """Results to go on from are of another grid, or of other rules."""


@dataclass(frozen=True)
class PhaseDiagram:
    """Errors of all rules over a plane. Arrays have shape (len(y), len(x)) unless said otherwise.

    Attributes:
        x_name, y_name, x, y: the axes, as labelled one-dimensional arrays.
        fixed: the third parameter, by name.
        error: rule → ε, for each of `rules` and "band" if asked for.
        band_low, band_high: edges of the best band of |z| (NaN without "band").
        converged: False where a rule was not solved; its error is NaN.
    """

    x_name: str
    y_name: str
    x: Float[np.ndarray, " x"]
    y: Float[np.ndarray, " y"]
    fixed: Mapping[str, float]
    error: Mapping[str, Float[np.ndarray, "y x"]]
    band_low: Float[np.ndarray, "y x"]
    band_high: Float[np.ndarray, "y x"]
    converged: Bool[np.ndarray, "y x"]

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules, in the order of `best`."""
        return tuple(self.error)

    @property
    def best(self) -> Int[np.ndarray, "y x"]:
        """Index into `rules` of the best one; −1 where a rule is not solved."""
        errors = np.stack([np.where(np.isnan(e), np.inf, e) for e in self.error.values()])
        if "band" in self.error:
            band = self.rules.index("band")
            others = np.delete(errors, band, axis=0).min(axis=0, initial=np.inf)
            small = errors[band] > (1.0 - LEAST_GAIN) * others
            errors[band] = np.where(small & np.isfinite(others), np.inf, errors[band])
        return np.where(self.converged, errors.argmin(axis=0), -1)

    @property
    def gain(self) -> Float[np.ndarray, "y x"]:
        """1 − (least error)/(error of random keeping): what choosing by the probe gains."""
        if "random" not in self.error:
            raise InputError(f"gain needs the rule random; the diagram has {', '.join(self.rules)}")
        least = np.fmin.reduce(list(self.error.values()))
        return 1.0 - least / self.error["random"]


def phase_diagram(
    x: tuple[str, Any],
    y: tuple[str, Any],
    *,
    theta: float | int | None = None,
    f: float | int | None = None,
    rules: Sequence[str] = RULES,
    done: Mapping[str, np.ndarray] | None = None,
    save: Callable[[Mapping[str, np.ndarray]], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    executor: Executor | None = None,
) -> PhaseDiagram:
    """Solve every rule at every point of a plane.

    Nothing is raised for points that cannot be solved: they are flagged in `converged`.

    Args:
        x, y: (name, ascending values): ("alpha_tot", ...) and ("f", ...), ("alpha_tot", ...) and
            ("theta", ...), or ("alpha_prune", ...) and ("theta", ...); at least two values each.
        theta, f: the parameter that is not an axis.
        rules: some of hard, easy, random, band.
        done: what an interrupted run handed to `save`, to go on from.
        save: called after each block of points with all results so far, as arrays by name.
        progress: called with (points done, points in all).
        executor: a `concurrent.futures` executor of processes, to share the blocks among cores.

    Raises:
        InputError: for other axes, values out of range, a grid with one point on an axis, or `done`
            of another grid.
    """
    axes = (x[0], y[0])
    if axes not in PLANES:
        allowed = "; ".join(f"x {a}, y {b}" for a, b in PLANES)
        raise InputError(f"axes must be one of: {allowed}; got x {axes[0]}, y {axes[1]}")
    xs, ys = _axis(*x), _axis(*y)
    third = FIXED[axes]
    fixed = _fixed(third, theta if third == "theta" else f, f if third == "theta" else theta)
    for rule in rules:
        check_choice("rules", rule, RULES)
    if not len(rules):
        raise InputError("rules must name at least one rule, got none")
    points = {axes[0]: np.tile(xs, len(ys)), axes[1]: np.repeat(ys, len(xs)), third: fixed}
    state = _fresh(len(xs) * len(ys), rules) if done is None else _resumed(done, points, rules)
    left = np.flatnonzero(~state["solved"])
    blocks = [left[first : first + BLOCK] for first in range(0, len(left), BLOCK)]
    every = {name: np.broadcast_to(value, len(state["solved"])) for name, value in points.items()}
    tasks = [{name: values[block] for name, values in every.items()} for block in blocks]
    run = map if executor is None else executor.map
    for block, found in zip(blocks, run(_solved_block, tasks, repeat(tuple(rules))), strict=True):
        for name, values in found.items():
            state[name][block] = values
        if save is not None:
            save({**state, **_stamp(points)})
        if progress is not None:
            progress(int(state["solved"].sum()), len(state["solved"]))
    shape = (len(ys), len(xs))
    return PhaseDiagram(
        *axes, xs, ys, {third: fixed},
        error={rule: state[f"error_{rule}"].reshape(shape) for rule in rules},
        band_low=state["band_low"].reshape(shape),
        band_high=state["band_high"].reshape(shape),
        converged=state["converged"].reshape(shape),
    )  # fmt: skip


def _axis(name: str, values: Any) -> Float[np.ndarray, " values"]:
    """A checked axis."""
    axis = _checked(name, values)
    if axis.ndim != 1 or len(axis) < 2:
        raise InputError(f"{name} must hold at least two values, got {axis.size}")
    if not (np.diff(axis) > 0).all():
        raise InputError(f"{name} must ascend, got {axis[0]:g} ... {axis[-1]:g}")
    return axis


def _checked(name: str, values: Any) -> Float[np.ndarray, "..."]:
    high = {"f": 1.0, "theta": np.pi / 2}.get(name, np.inf)
    return check_real(name, values, 0.0, high, low_open=name != "theta", high_open=name == "f")


def _fixed(name: str, value: float | int | None, other: float | int | None) -> float:
    """The checked third parameter."""
    if value is None:
        raise InputError(f"{name} must be given: it is not an axis of this plane")
    if other is not None:
        name_of_axis = "f" if name == "theta" else "theta"
        raise InputError(f"{name_of_axis} is an axis of this plane and must not be given")
    return float(_checked(name, value))


def _fresh(count: int, rules: Sequence[str]) -> dict[str, np.ndarray]:
    """Results of no point yet."""
    names = [*(f"error_{rule}" for rule in rules), "band_low", "band_high"]
    state = {name: np.full(count, np.nan) for name in names}
    return {**state, "converged": np.zeros(count, bool), "solved": np.zeros(count, bool)}


def _stamp(points: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The grid itself, saved beside the results so that nothing is resumed on another one."""
    return {f"point_{name}": np.asarray(value) for name, value in points.items()}


def _resumed(
    done: Mapping[str, np.ndarray], points: Mapping[str, Any], rules: Sequence[str]
) -> dict[str, np.ndarray]:
    """The saved results, if they belong to this grid and these rules."""
    wanted, stamp = _fresh(0, rules), _stamp(points)
    same = all(
        name in done and np.array_equal(np.asarray(done[name]), value)
        for name, value in stamp.items()
    )
    if not same or not set(wanted) <= set(done):
        raise OtherGridError("done must come from the same grid and the same rules; it does not")
    return {name: np.array(done[name]) for name in wanted}


def _solved_block(here: Mapping[str, np.ndarray], rules: Sequence[str]) -> dict[str, np.ndarray]:
    """All rules at some points: results by name."""
    f, theta = here["f"], here["theta"]
    alpha_tot = here["alpha_tot"] if "alpha_tot" in here else here["alpha_prune"] / f
    result = {"converged": np.ones(len(f), bool), "solved": np.ones(len(f), bool)}
    for rule in rules:
        if rule == "band":
            found = best_band(alpha_tot, f, theta)
            result |= {"band_low": found.low, "band_high": found.high}
        else:
            found = solve(alpha_tot, f, theta, rule, throw=False)
        result[f"error_{rule}"] = np.where(found.converged, found.error, np.nan)
        result["converged"] &= found.converged
    return result
