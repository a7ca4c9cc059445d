"""The choice among rules and fractions: errors of all cells under all laws, and what follows.

A choice is the cell of least error under the best estimate.  What it is held against: random
keeping of as many examples, no pruning, and the best cell of another rule.  Intervals are quantiles
over the replicates of the laws; differences are taken within each replicate.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from prunelaw_sim.advice.keep_laws import Cell, KeepLaws
from prunelaw_sim.common.statistics import quantile_interval

SIZES = 33  # data-set sizes at which a rule is held against random keeping
TOLERANCE = 0.05  # relative excess of error that `least` may cost
SAME = 1e-6  # differences of errors that mean nothing


@dataclass(frozen=True)
class Interval:
    """A number with its interval over the replicates."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> bool:
        """Whether the interval leaves out 0: the sign is known."""
        return self.low > SAME or self.high < -SAME


@dataclass(frozen=True)
class Keep:
    """A rule and a fraction at a data-set size, with the error to expect."""

    rule: str
    """"random" where everything is kept"""
    keep_fraction: float
    dataset_size: float
    kept: float
    error: Interval


@dataclass(frozen=True)
class Span:
    """Where a rule has less error than random keeping of as many: from `low` to `high`."""

    low: float
    high: float
    open_low: bool
    """whether the range looked at ends here, rather than the gain"""
    open_high: bool
    told: tuple[float, float] | None
    """the outermost places in it where the interval of the gain leaves out 0; None: nowhere"""


@dataclass(frozen=True, eq=False)
class KeepCurve:
    """Errors of one rule over the fraction kept."""

    rule: str
    keep_fraction: Float[np.ndarray, " f"]
    error: Float[np.ndarray, " f"]
    low: Float[np.ndarray, " f"]
    high: Float[np.ndarray, " f"]


@dataclass(frozen=True, eq=False)
class KeepChoice:
    """What to keep, and what the choice is worth; made by `choose`."""

    best: Keep
    random: Keep
    """random keeping of as many examples"""
    everything: Keep | None
    """no pruning; None where only a number of kept examples was given"""
    runner_up: Keep | None
    """the best of another rule than that of `best`"""
    gain: Interval
    """error of `random` minus that of `best`"""
    over_everything: Interval | None
    """error of `everything` minus that of `best`"""
    ahead: Interval | None
    """error of `runner_up` minus that of `best`"""
    rival: Keep | None
    """the nearest of these that is another choice, and allowed; `least`, where all is kept"""
    least: Keep | None
    """of a data set: the fewest examples whose error is, at `level`, at most 5 % above the best"""
    fractions: Mapping[str, tuple[Span, ...]]
    """rule → where in f it beats random keeping"""
    sizes: tuple[Span, ...]
    """at which data-set sizes the best rule beats random keeping, at its fraction"""
    curves: tuple[KeepCurve, ...] = field(repr=False)

    @property
    def doubt(self) -> tuple[str, str, Interval]:
        """What the choice rests on: its rule, the next one, and how far that one is behind."""
        if self.best.rule == "random" and self.runner_up is not None and self.ahead is not None:
            return "random", self.runner_up.rule, self.ahead
        return self.best.rule, "random", self.gain


def choose(
    laws: KeepLaws,
    grid: Mapping[str, Sequence[Cell]],
    *,
    examples: float | None,
    level: float,
    sizes: tuple[float, float],
    most: float = 1.0,
) -> KeepChoice:
    """The best of all cells, and what it is held against.

    grid: rule → cells over the fraction, ascending; "random" is one of the rules.
    examples: size of the data set; None where the number of kept examples is what is given.
    sizes: range in which the best rule is held against random keeping.
    most: the largest fraction that may be chosen; beyond it cells are shown, not chosen.
    """
    known = _Known(laws, grid, examples, level, most)
    best = known.best
    twin = _plain(best._replace(rule="random"))
    whole = None if examples is None else Cell(examples, 1.0, "random")
    other = {
        cell
        for cell in known.cells
        if cell.rule not in (best.rule, "random") and cell.keep_fraction < 1.0
    }
    second = known.nearest(other)
    least = None if examples is None else known.least()
    rival = known.nearest({twin, *known.cells} & {twin, whole, second} - {best})
    if best == whole and least is not None:
        rival = least
    return KeepChoice(
        best=known.keep(best),
        random=known.keep(twin),
        everything=None if whole is None else known.keep(whole),
        runner_up=None if second is None else known.keep(second),
        gain=known.difference(twin, best),
        over_everything=None if whole is None else known.difference(whole, best),
        ahead=None if second is None else known.difference(second, best),
        rival=None if rival is None else known.keep(rival),
        least=None if least is None else known.keep(least),
        fractions={rule: known.spans(row) for rule, row in grid.items() if rule != "random"},
        sizes=_sizes(laws, best, level, sizes),
        curves=tuple(known.curve(rule, row) for rule, row in known.rows(grid)),
    )


class _Known:
    """Errors of the cells of a grid and of their random twins, a row a law."""

    def __init__(
        self,
        laws: KeepLaws,
        grid: Mapping[str, Sequence[Cell]],
        examples: float | None,
        level: float,
        most: float,
    ) -> None:
        self.level, self.tail = level, (1.0 - level) / 2.0
        cells = [_plain(cell) for row in grid.values() for cell in row]
        self.cells = [cell for cell in cells if cell.keep_fraction <= most]
        wanted = [*cells, *(cell._replace(rule="random") for cell in cells)]
        if examples is not None:
            wanted.append(Cell(examples, 1.0, "random"))
        wanted = list(dict.fromkeys(wanted))
        self.error = dict(zip(wanted, laws.errors(wanted).T, strict=True))
        self.best = min(self.cells, key=lambda cell: self.error[cell][0])

    def nearest(self, cells: Collection[Cell]) -> Cell | None:
        """The one of least error."""
        return min(cells, key=lambda cell: (self.error[cell][0], cell), default=None)

    def interval(self, numbers: Float[np.ndarray, " laws"]) -> Interval:
        low, high = quantile_interval(numbers[1:], self.level)
        return Interval(float(numbers[0]), float(low), float(high))

    def keep(self, cell: Cell) -> Keep:
        cell = _plain(cell)
        size, f, rule = cell
        return Keep(rule, f, size, cell.kept, self.interval(self.error[cell]))

    def difference(self, one: Cell, other: Cell) -> Interval:
        return self.interval(self.error[_plain(one)] - self.error[_plain(other)])

    def least(self) -> Cell | None:
        """The cell of fewest examples that is surely close to the best; None: the best itself."""
        least = self.error[self.best]
        close = [
            cell
            for cell in self.cells
            if np.quantile(self.error[cell][1:] / least[1:], 1.0 - 2.0 * self.tail) <= 1 + TOLERANCE
            and self.error[cell][0] <= (1 + TOLERANCE) * least[0]
        ]
        found = min(close, key=lambda cell: (cell.kept, self.error[cell][0]), default=self.best)
        return None if found.kept >= self.best.kept else found

    def spans(self, row: Sequence[Cell]) -> tuple[Span, ...]:
        gains = [
            self.error[cell._replace(rule="random")] - self.error[_plain(cell)] for cell in row
        ]
        return spans(
            np.array([cell.keep_fraction for cell in row]), np.stack(gains, axis=1), self.tail
        )

    def rows(self, grid: Mapping[str, Sequence[Cell]]) -> list[tuple[str, Sequence[Cell]]]:
        """Of the grid, and random keeping at every fraction of it."""
        twins = {cell.keep_fraction: cell._replace(rule="random") for cell in self.error}
        ruled = [(rule, row) for rule, row in grid.items() if rule != "random"]
        return [*ruled, ("random", [twins[f] for f in sorted(twins)])]

    def curve(self, rule: str, row: Sequence[Cell]) -> KeepCurve:
        errors = np.stack([self.error[_plain(cell)] for cell in row], axis=1)
        low, high = quantile_interval(errors[1:], self.level)
        return KeepCurve(rule, np.array([c.keep_fraction for c in row]), errors[0], low, high)


def _plain(cell: Cell) -> Cell:
    """Everything kept is one cell, whatever the rule."""
    return cell._replace(rule="random") if cell.keep_fraction == 1.0 else cell


def _sizes(laws: KeepLaws, best: Cell, level: float, ends: tuple[float, float]) -> tuple[Span, ...]:
    if best.rule == "random":
        return ()
    sizes = np.geomspace(*ends, SIZES)
    mine = [best._replace(size=float(size)) for size in sizes]
    errors = laws.errors([*(cell._replace(rule="random") for cell in mine), *mine])
    return spans(sizes, errors[:, :SIZES] - errors[:, SIZES:], (1.0 - level) / 2.0)


def spans(
    x: Float[np.ndarray, " n"], gain: Float[np.ndarray, "laws n"], tail: float
) -> tuple[Span, ...]:
    """The stretches of ascending x > 0 in which the gain of the first law is above 0.

    Their ends are where straight lines in log x cross `SAME`.
    """
    positive = gain[0] > SAME
    sure = np.quantile(gain[1:], tail, axis=0) > SAME
    found, last = [], len(x) - 1
    starts = np.flatnonzero(positive & ~np.insert(positive[:-1], 0, False))
    stops = np.flatnonzero(positive & ~np.append(positive[1:], False))
    for i, j in zip(starts.tolist(), stops.tolist(), strict=True):
        told = x[i : j + 1][sure[i : j + 1]]
        found.append(
            Span(
                low=float(x[i]) if i == 0 else _crossing(x, gain[0], i - 1),
                high=float(x[j]) if j == last else _crossing(x, gain[0], j),
                open_low=bool(i == 0),
                open_high=bool(j == last),
                told=(float(told[0]), float(told[-1])) if told.size else None,
            )
        )
    return tuple(found)


def _crossing(x: Float[np.ndarray, " n"], gain: Float[np.ndarray, " n"], i: int) -> float:
    """Where the line through points i and i + 1, on two sides of it, is `SAME`."""
    share = (gain[i] - SAME) / (gain[i] - gain[i + 1])
    return float(np.exp((1.0 - share) * np.log(x[i]) + share * np.log(x[i + 1])))
