"""Laws of the error after pruning, with replicates: what a choice of rule and fraction rests on.

    TheoryLaws   floor + scale · ε(P/N, f, θ; rule), ε from `prunelaw.solve`; any rule and fraction
    CurveLaws    floor + c (P/P0)^−β, c and β of every measured (fraction, rule): knows no theory,
                 and nothing of fractions that were not measured

Random keeping of a fraction f of P is a data set of f P: it has one curve, of any fraction.

Both answer `errors(cells)` with a row a law: the best estimate first, then the replicates, which
are refits to errors as other seeds might have given them.  Cells that share a seed share test set
and pool, so their noise is common, and a difference of two cells is known better than either.  With
three seeds or more in every cell a draw keeps that: the vector of mean errors moves by

    Σ_s g_s (e_s − ē) / √(n(n−1)) · √((n−1)/χ²),      g_s ~ N(0, 1), χ² with n − 1 degrees

whose covariance is that of the means, with Student's tails as the few seeds deserve (whole seeds
drawn with replacement, as in `pruning_intervals`, are too coarse for three).  Otherwise the points
move independently by their standard errors, or by the fit's own misfit where they have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.interpolate import RectBivariateSpline

import prunelaw
from prunelaw.errors import InputError
from prunelaw_sim.laws.pruning import PARAMETERS, PruningFit
from prunelaw_sim.laws.pruning_intervals import refitted
from prunelaw_sim.laws.theory_rules import theory_rules
from prunelaw_sim.tables.sweep import Sweep

NODES_PER_DECADE, LEAST_NODES = 16, 8
ANGLE_NODES = 8
LEAST_SPREAD = 0.02  # radians: the table's range of angles where the replicates agree
RANDOM = (1.0, "random")
KEYS = ["dataset_size", "keep_fraction", "rule"]
LEAST_SEEDS = 3
FLOORS = np.concatenate([[0.0], np.linspace(0.05, 0.95, 19), [0.98]])  # of the least error


class Cell(NamedTuple):
    """What could be done, or measured: of `size` examples the rule keeps a fraction."""

    size: float
    keep_fraction: float
    rule: str

    @property
    def kept(self) -> float:
        """Examples trained on."""
        return self.size * self.keep_fraction

    @property
    def at_random(self) -> Cell:
        """As many examples, kept at random."""
        return self._replace(rule="random")

    @property
    def curve(self) -> tuple[tuple[float, str], float]:
        """The (fraction, rule) whose power law it lies on, and its size there."""
        if self.rule == "random" or self.keep_fraction == 1.0:
            return RANDOM, self.kept
        return (self.keep_fraction, self.rule), self.size


@runtime_checkable
class CellLaws(Protocol):
    """Errors of cells under the best estimate and its replicates."""

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """Row 0: the best estimate."""
        ...

    def knows(self, cell: Cell) -> bool:
        """Whether it says anything of this cell, far from all runs."""
        ...


@dataclass(frozen=True, eq=False)
class TheoryLaws:
    """Parameters of the pruning theory, the best estimate first; shapes (laws,)."""

    dimension: Float[np.ndarray, " laws"]
    theta: Float[np.ndarray, " laws"]
    scale: Float[np.ndarray, " laws"]
    floor: Float[np.ndarray, " laws"]

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """Exact for the best estimate; replicates by a table in (log α_tot, θ) scaled to it.

        The table is good to a thousandth as a rule, and to a hundredth where keep-hard at a small
        fraction changes sharply: far less than replicates differ there.
        """
        named, sizes = zip(*(cell.curve for cell in cells), strict=True)
        pairs = list(dict.fromkeys(named))
        place = np.array([pairs.index(pair) for pair in named])
        f = np.array([fraction for fraction, _ in pairs])
        rules = theory_rules(np.array([rule for _, rule in pairs], dtype=object), f)
        log_load = np.log(sizes) - np.log(self.dimension)[:, None]
        exact = prunelaw.solve(np.exp(log_load[0]), f[place], self.theta[0], rules[place]).error
        loads = [_nodes(log_load[:, place == i]) for i in range(len(pairs))]
        theta = np.broadcast_to(self.theta[:, None], log_load.shape)
        found = np.empty_like(log_load)
        for i, spline in enumerate(_splines(loads, _angles(self.theta), f, rules)):
            mine = place == i
            found[:, mine] = np.exp(spline.ev(log_load[:, mine], theta[:, mine]))
        return self.floor[:, None] + self.scale[:, None] * (found * (exact / found[0]))

    def knows(self, cell: Cell) -> bool:
        """Of every rule and fraction."""
        return True


def _splines(
    loads: Sequence[Float[np.ndarray, " _"]],
    angles: Float[np.ndarray, " angles"],
    f: Float[np.ndarray, " pairs"],
    rules: np.ndarray,
) -> list[RectBivariateSpline]:
    """log ε over (log α_tot, θ) of every pair, each on its own loads; all solved in one batch."""
    counts = [len(nodes) for nodes in loads]
    solved = prunelaw.solve(
        np.exp(np.concatenate(loads))[:, None],
        np.repeat(f, counts)[:, None],
        angles,
        np.repeat(rules, counts)[:, None],
    )
    parts = np.split(np.log(solved.error), np.cumsum(counts)[:-1])
    return [RectBivariateSpline(x, angles, part) for x, part in zip(loads, parts, strict=True)]


def _nodes(log_load: Float[np.ndarray, "laws cells"]) -> Float[np.ndarray, " nodes"]:
    low, high = log_load.min() - 0.05, log_load.max() + 0.05
    count = int(np.ceil((high - low) / np.log(10) * NODES_PER_DECADE))
    return np.linspace(low, high, max(count, LEAST_NODES))


def _angles(theta: Float[np.ndarray, " laws"]) -> Float[np.ndarray, " nodes"]:
    """From the least to the largest angle, and never narrower than `LEAST_SPREAD`."""
    low = max(float(theta.min()) - LEAST_SPREAD, 0.0)
    return np.linspace(low, min(float(theta.max()) + LEAST_SPREAD, np.pi / 2), ANGLE_NODES)


@dataclass(frozen=True, eq=False)
class CurveLaws:
    """A power law in the data-set size for every measured (keep_fraction, rule), one floor.

    Of rule "random" there is one pair, `RANDOM`, a power law in the kept examples; it is one of the
    pairs.  The log_scales are those at size `centre`.
    """

    pairs: tuple[tuple[float, str], ...]
    floor: Float[np.ndarray, " laws"]
    log_scales: Float[np.ndarray, "laws curves"]
    exponents: Float[np.ndarray, "laws curves"]
    centre: float

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """Those of random keeping for a fraction and rule that were not measured at two sizes."""
        known = [
            cell.curve if cell.curve[0] in self.pairs else (RANDOM, cell.kept) for cell in cells
        ]
        pairs, sizes = zip(*known, strict=True)
        place = [self.pairs.index(pair) for pair in pairs]
        x = np.log(np.array(sizes) / self.centre)
        curve = np.exp(self.log_scales[:, place] - self.exponents[:, place] * x)
        return self.floor[:, None] + curve

    def knows(self, cell: Cell) -> bool:
        """Of fractions and rules that have a curve."""
        return cell.curve[0] in self.pairs


@dataclass(frozen=True, eq=False)
class KeptLine:
    """error = exp(a + b log kept), whatever the rule: what is left where no law is known."""

    a: float
    b: float
    replicates: int

    @classmethod
    def through(cls, points: pd.DataFrame, replicates: int) -> KeptLine:
        """Of random keeping, or of all points where it was measured at fewer than two numbers."""
        cells = cells_of(points)
        log_kept = np.log([cell.kept for cell in cells])
        log_error = np.log(points["error"].to_numpy(float))
        random = np.array([cell.curve[0] == RANDOM for cell in cells])
        used = random if len(set(log_kept[random])) > 1 else np.ones(len(cells), bool)
        if len(set(log_kept[used])) < 2:
            return cls(float(log_error.mean()), 0.0, replicates)
        b, a = np.polyfit(log_kept[used], log_error[used], 1)
        return cls(float(a), float(min(b, 0.0)), replicates)

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """The same under every replicate."""
        line = np.exp(self.a + self.b * np.log([cell.kept for cell in cells]))
        return np.tile(line, (1 + self.replicates, 1))

    def knows(self, cell: Cell) -> bool:
        """It is no law."""
        return False


def cells_of(points: pd.DataFrame) -> list[Cell]:
    """The cell of every point."""
    rows = points[KEYS].itertuples(index=False, name=None)
    return [Cell(float(size), float(f), str(rule)) for size, f, rule in rows]


def measured_curves(points: pd.DataFrame) -> tuple[tuple[float, str], ...]:
    """(fraction, rule) with two sizes or more."""
    seen = {cell.curve for cell in cells_of(points)}
    pairs = [pair for pair, _ in seen]
    return tuple(sorted(pair for pair in set(pairs) if pairs.count(pair) > 1))


def fit_curves(
    points: pd.DataFrame, errors: Float[np.ndarray, "laws points"], se: Float[np.ndarray, " points"]
) -> CurveLaws:
    """Curves of least weighted squares of log(error − floor), for each row of `errors`.

    The shared floor is the best of 21 from 0 to .98 of the least error.  Curves fall or are flat
    (β ≥ 0).  (keep_fraction, rule) of one size have no curve.

    Args:
        points: dataset_size, keep_fraction, rule of each column of `errors`.

    Raises:
        InputError: if none has two sizes.
    """
    pairs = measured_curves(points)
    if not pairs:
        raise InputError("no fraction and rule was measured at two sizes: no curve can be fitted")
    keys, sizes = zip(*(cell.curve for cell in cells_of(points)), strict=True)
    member = np.array([[key == pair for key in keys] for pair in pairs], dtype=float)
    size = np.array(sizes)
    centre = float(np.exp(np.log(size).mean()))
    used = member.any(axis=0)
    fitted = [
        _curves(errors[:, used], se[used], np.log(size[used] / centre), member[:, used], share)
        for share in FLOORS
    ]
    best = np.argmin([one[0] for one in fitted], axis=0)
    row = np.arange(len(errors))
    floor, scales, exponents = (np.stack([one[k] for one in fitted])[best, row] for k in (1, 2, 3))
    return CurveLaws(pairs, floor, scales, exponents, centre)


def _curves(
    error: Float[np.ndarray, "laws n"],
    se: Float[np.ndarray, " n"],
    x: Float[np.ndarray, " n"],
    member: Float[np.ndarray, "curves n"],
    share: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(misfit, floor, log scales, exponents) where the floor is a share of the least error."""
    floor = share * error.min(axis=1)
    above = error - floor[:, None]
    weight = (above / se) ** 2  # of the logarithm: d log(error − floor) = d error/(error − floor)
    y = np.log(above)
    total = weight @ member.T
    mean_x, mean_y = (weight * x) @ member.T / total, (weight * y) @ member.T / total
    spread = (weight * x**2) @ member.T - total * mean_x**2
    slope = ((weight * x * y) @ member.T - total * mean_x * mean_y) / spread
    slope = np.minimum(slope, 0.0)
    scale = mean_y - slope * mean_x
    curve = np.exp((scale @ member) + (slope @ member) * x)
    misfit = np.sum(((curve - above) / se) ** 2, axis=1)
    return misfit, floor, scale, -slope


def missed(points: pd.DataFrame, predicted: Float[np.ndarray, " points"], limit: float) -> float:
    """Relative error of predictions beyond a size, a doubling: root of the mean square."""
    size = points["dataset_size"].to_numpy(float)
    off = np.log(points["error"].to_numpy(float) / predicted)
    beyond = size > limit
    return float(np.sqrt(np.mean((off[beyond] / np.log2(size[beyond] / limit)) ** 2)))


def stated_errors(points: pd.DataFrame) -> Float[np.ndarray, " points"] | None:
    """Standard error of every point, if all have one."""
    se = points["error_se"].to_numpy(float)
    return se if (np.isfinite(se) & (se > 0)).all() else None


def resampled(
    sweep: Sweep,
    points: pd.DataFrame,
    se: Float[np.ndarray, " points"],
    replicates: int,
    seed: int,
) -> tuple[Float[np.ndarray, "replicates points"], str]:
    """Errors of the points in each replicate, and in words how they were drawn.

    Errors stay positive: they move as e exp(δ/e).
    """
    random = np.random.default_rng([seed, 7])
    by_seed = errors_by_seed(sweep, points)
    if by_seed is None:
        freedom = float(np.sum(points["replicates"].to_numpy(float) - 1.0))
        tails = np.ones((replicates, 1))
        if freedom:  # the scatter is that of few runs, pooled
            tails = np.sqrt(freedom / random.chisquare(freedom, (replicates, 1)))
        moved = random.standard_normal((replicates, len(points))) * tails * se
        kind = f"{replicates} refits to errors moved by their standard errors, independently"
    else:
        count = by_seed.shape[1]
        away = by_seed - by_seed.mean(axis=1, keepdims=True)
        tails = np.sqrt((count - 1) / random.chisquare(count - 1, (replicates, 1)))
        draws = random.standard_normal((replicates, count)) * tails
        moved = draws @ away.T / np.sqrt(count * (count - 1))
        kind = f"{replicates} refits to errors moved as {count} seeds scatter, in all cells at once"
    error = points["error"].to_numpy(float)
    return error * np.exp(np.divide(moved, error, out=np.zeros_like(moved), where=error > 0)), kind


def errors_by_seed(sweep: Sweep, points: pd.DataFrame) -> Float[np.ndarray, "points seeds"] | None:
    """Errors by point and seed, if every point has the same three seeds or more, each once."""
    if "seed" not in sweep.columns:
        return None
    frame = sweep.frame
    if frame.duplicated([*KEYS, "seed"]).any():
        return None
    wide = frame.pivot(index=KEYS, columns="seed", values="error")
    cells = pd.MultiIndex.from_tuples(cells_of(points), names=KEYS)
    errors = wide.reindex(cells).to_numpy(float)
    return errors if errors.shape[1] >= LEAST_SEEDS and np.isfinite(errors).all() else None


def theory_replicates(
    fit: PruningFit, points: pd.DataFrame, errors: Float[np.ndarray, "replicates points"]
) -> TheoryLaws:
    """The best estimate, then the best fit to every row of `errors`, of the points fitted."""
    drawn = refitted(points, fit, errors)
    return TheoryLaws(*(np.insert(drawn[name], 0, getattr(fit, name)) for name in PARAMETERS))
