"""A store of simulated students held against the theory of pruning, all points together.

`standard_design` is 64 points: every kind of keep rule at eight settings with theta from 0 to 1.2
and alpha_tot from .3 to 50.  `check_theory` extrapolates the mean errors of any store with several
dimensions N to N → ∞ and judges them (`agreement`), with the covariance of points that share their
random numbers.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

import prunelaw
from prunelaw.errors import InputError
from prunelaw_sim.common.statistics import mean, standard_error
from prunelaw_sim.common.text_forms import CHOICES
from prunelaw_sim.simulation.agreement import P_THRESHOLD, Agreement, agreement
from prunelaw_sim.simulation.expectations import predicted_error
from prunelaw_sim.simulation.point import describe
from prunelaw_sim.sweeps.simulated import Design
from prunelaw_sim.sweeps.store import Store
from prunelaw_sim.sweeps.tables import simulated

Point = Mapping[str, Any]
Theory = Callable[[Sequence[Point]], Float[np.ndarray, " points"]]

# (alpha_tot, f, theta).  P and K are whole at every N that is a multiple of 25: rounding would be
# a finite-size effect.
SETTINGS = (
    (0.3, 0.8, 0.0),
    (1.0, 0.4, 0.2),
    (1.0, 0.8, 1.2),
    (3.0, 0.4, 0.4),
    (3.0, 0.8, 0.0),
    (10.0, 0.2, 0.8),
    (10.0, 0.4, 0.1),
    (50.0, 0.04, 0.4),
)
RULES_OF_F = ("hard", "easy", "random", "signed-hard", "signed-easy", "mix:0.3,hard")
# Bands imply f: wide ones where data are few, narrow ones (f = .13 and .14) where they are many.
WIDE, NARROW = ("band:0.3,1.5", "signed-band:-0.2,1.2"), ("band:0.5,0.7", "signed-band:0.1,0.3")
MANY = 10.0  # alpha_tot


@dataclass(frozen=True, eq=False)
class TheoryCheck:
    """The points of a store (without their dim), what was measured, and the verdict on the theory.

    trials and failed: students at each point and dim, and those of them without certificate.
    """

    points: tuple[Point, ...]
    trials: Int[np.ndarray, "points sizes"]
    failed: Int[np.ndarray, "points sizes"]
    agreement: Agreement

    @property
    def table(self) -> pd.DataFrame:
        """One row a point, the largest |z| first."""
        found = self.agreement
        names = dict.fromkeys(name for point in self.points for name in point)
        rows = pd.DataFrame(
            {name: [point.get(name, CHOICES.get(name)) for point in self.points] for name in names}
            | {
                "theory": found.theory,
                "simulated": found.limit.value,
                "stderr": found.limit.stderr,
                "z": found.z,
                "p_adjusted": found.adjusted,
                "z_at_largest_dim": found.raw_z,
                "slope": found.limit.slope,
                "trials": self.trials.sum(axis=1),
                "failed": self.failed.sum(axis=1),
            }
        )
        return rows.sort_values("z", key=np.abs, ascending=False, ignore_index=True)


def standard_design(
    dim: Sequence[int] = (50, 100), trials: int = 100, seed: int = 0, **options: Any
) -> Design:
    """64 points at each dimension: six rules of f and two bands at eight settings.

    No two points share random numbers.  `dim` should be multiples of 25; `options` as in `Design`.
    """
    points = [
        {"alpha_tot": alpha_tot, "f": f, "theta": theta, "rule": rule, "dim": size}
        for size in dim
        for alpha_tot, fraction, theta in SETTINGS
        for rule, f in _rules(alpha_tot, fraction)
    ]
    options = {"paired": (), **options}
    return Design.from_points(points, trials=trials, seed=seed, **options)


def check_theory(
    store: Store,
    *,
    theory: Theory | None = None,
    order: int | None = None,
    threshold: float = P_THRESHOLD,
) -> TheoryCheck:
    """Judge the theory by every point of a finished store, extrapolated to N → ∞.

    `theory` takes the points (mappings with alpha_tot, f, theta, rule) and returns their errors;
    by default it is `prunelaw.solve`, for ridge students `solve_ridge`.  `order` is the power of
    1/N the means are fitted with, as in `agreement`, whose verdict this is.

    Raises:
        InputError: if the store is damaged or not finished, holds a single dimension, or not every
            point at the same ones, or is no store of simulated students.
    """
    if len(store.done()) < store.design.n_units:
        raise InputError(f"{store.path} is not finished: run the sweep to its end, then check it")
    design = simulated(store)
    points, sizes, positions = _grid(design)
    errors = _errors(store)
    found = judged(
        (theory or solved)(points),
        sizes,
        [[errors[i] for i in row] for row in positions],
        [describe(point) for point in points],
        covariance=np.array([_covariance(design, errors, column) for column in positions.T]),
        order=order,
        threshold=threshold,
    )
    trials, failed = (
        np.array([count(one) for one in errors])[positions]
        for count in (len, lambda one: int(np.isnan(one).sum()))
    )
    return TheoryCheck(points, trials, failed, found)


def judged(
    theory: Any,
    sizes: Sequence[float],
    errors: Sequence[Sequence[Float[np.ndarray, " _"]]],
    names: Sequence[str],
    *,
    few: bool = True,
    **options: Any,
) -> Agreement:
    """`agreement` of a theory with the errors of single students: the one check of simulations.

    Args:
        theory: its error at each point.
        errors: for each point and size the errors of its trials, NaN without certificate.
        names: of the points, for messages.
        few: trials may be few, so that z follows Student's t.
        options: as in `agreement`.

    Raises:
        InputError: for fewer than two certified trials that differ, at some point and size.
    """
    means, stderrs, trials = (
        np.array([[measure(one[np.isfinite(one)]) for one in row] for row in errors])
        for measure in (mean, standard_error, len)
    )
    if not (stderrs > 0).all():
        point, size = np.argwhere(~(stderrs > 0))[0]
        raise InputError(
            f"{names[point]} dim={sizes[size]:g} has no standard error: it needs two or more "
            "certified trials that differ"
        )
    return agreement(theory, sizes, means, stderrs, trials=trials if few else None, **options)


def solved(points: Sequence[Point]) -> Float[np.ndarray, " points"]:
    """The exact errors at these points, each for its student and the angle of its probe.

    Raises:
        InputError: for a point that the theory does not cover (see `expectations`).
    """
    if any(name in point for point in points for name in CHOICES):
        return np.array([predicted_error(point) for point in points])
    columns = ([point[name] for point in points] for name in ("alpha_tot", "f", "theta", "rule"))
    return np.asarray(prunelaw.solve(*columns).error)


def _rules(alpha_tot: float, f: float) -> list[tuple[str, float | None]]:
    bands = NARROW if alpha_tot >= MANY else WIDE
    return [*((rule, f) for rule in RULES_OF_F), *((rule, None) for rule in bands)]


def _grid(
    design: Design,
) -> tuple[tuple[Point, ...], list[float], Int[np.ndarray, "points sizes"]]:
    """Points without dim, the dims, and where each pair of them is in the design."""
    found: dict[tuple[Any, ...], dict[int, int]] = {}
    for position, point in enumerate(design.points):
        key = tuple((name, value) for name, value in point.items() if name != "dim")
        found.setdefault(key, {})[point["dim"]] = position
    sizes = sorted({point["dim"] for point in design.points})
    if len(sizes) < 2:
        raise InputError(
            f"dim must take two or more values to be extrapolated, the store has dim={sizes[0]}"
        )
    for key, places in found.items():
        if len(places) < len(sizes):
            missing = min(set(sizes) - set(places))
            raise InputError(f"the store has no dim={missing} at {describe(dict(key))}")
    positions = np.array([[places[size] for size in sizes] for places in found.values()])
    return tuple(dict(key) for key in found), [float(size) for size in sizes], positions


def _errors(store: Store) -> list[Float[np.ndarray, " trials"]]:
    """Every point's errors in the order of its trials, NaN without certificate."""
    return [
        np.where(columns["converged"] == 1, columns["error"], np.nan)[np.argsort(columns["trial"])]
        for _, columns in store.by_point()
    ]


def _covariance(
    design: Design, errors: Sequence[np.ndarray], positions: Int[np.ndarray, " points"]
) -> Float[np.ndarray, "points points"]:
    """Covariance of the means at one dim: from common trials where two points share a seed."""
    certified = [errors[i][np.isfinite(errors[i])] for i in positions]
    result = np.diag([standard_error(one) ** 2 for one in certified])
    shared: dict[int, list[int]] = {}
    for index, position in enumerate(positions):
        shared.setdefault(design.point_seed(int(position)), []).append(index)
    for group in shared.values():
        for i, j in itertools.combinations(group, 2):
            pair = np.array([errors[positions[i]], errors[positions[j]]])
            both = pair[:, np.isfinite(pair).all(axis=0)]
            result[i, j] = result[j, i] = np.cov(both)[0, 1] / both.shape[1]
    return result
