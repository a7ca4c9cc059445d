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

from prunelaw_sim.advice.cell_laws import Cell, CellLaws
from prunelaw_sim.advice.local import LocalLaws
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

    @classmethod
    def of(cls, numbers: Float[np.ndarray, " laws"], tail: float) -> Interval:
        """The first law's number, and quantiles of the others'."""
        return cls(float(numbers[0]), *map(float, quantile_interval(numbers[1:], 1.0 - 2.0 * tail)))

    @property
    def told(self) -> bool:
        """Whether the interval leaves out 0: the sign is known."""
        return self.low > SAME or self.high < -SAME


@dataclass(frozen=True)
class Keep:
    """A rule ("random" where everything is kept) and a fraction, with the error to expect.

    Attributes:
        error: of a measured cell its mean, with the interval of the mean, widened to hold its runs.
        how: it is known: "measured", "between" measured cells, or by the "law" alone.
    """

    rule: str
    keep_fraction: float
    dataset_size: float
    kept: float
    error: Interval
    how: str = "law"


@dataclass(frozen=True)
class Span:
    """Where a rule has less error than random keeping of as many: from `low` to `high`.

    Attributes:
        open_low, open_high: whether the range looked at ends there, rather than the gain.
        told: the outermost places in it where the interval of the gain leaves out 0, if any.
    """

    low: float
    high: float
    open_low: bool
    open_high: bool
    told: tuple[float, float] | None


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
    """What to keep, and what the choice is worth; made by `choose`.

    Attributes:
        random: random keeping of as many examples.
        everything: no pruning; None where only a number of kept examples was given.
        runner_up: the best of another rule than that of `best`.
        gain, over_everything, ahead: how much larger the errors of these three are.
        rival: the nearest of these that is another choice, and allowed; `least`, where all is kept.
        least: of a data set: the fewest examples whose error is, at `level`, at most 5 % above the
            best.
        fractions: rule → where in f it beats random keeping.
        sizes: at which data-set sizes the best rule beats random keeping, at its fraction.
    """

    best: Keep
    random: Keep
    everything: Keep | None
    runner_up: Keep | None
    gain: Interval
    over_everything: Interval | None
    ahead: Interval | None
    rival: Keep | None
    least: Keep | None
    fractions: Mapping[str, tuple[Span, ...]]
    sizes: tuple[Span, ...]
    curves: tuple[KeepCurve, ...] = field(repr=False)

    @property
    def doubt(self) -> tuple[str, str, Interval]:
        """What the choice rests on: its rule, the next one, and how far that one is behind."""
        if self.best.rule == "random" and self.runner_up is not None and self.ahead is not None:
            return "random", self.runner_up.rule, self.ahead
        return self.best.rule, "random", self.gain


def choose(
    laws: CellLaws,
    grid: Mapping[str, Sequence[Cell]],
    *,
    examples: float | None,
    level: float,
    sizes: tuple[float, float],
    most: float = 1.0,
) -> KeepChoice:
    """The best of all cells, and what it is held against.

    Args:
        grid: rule → cells over the fraction, ascending; "random" is one of the rules.
        examples: size of the data set; None where the number of kept examples is what is given.
        sizes: range in which the best rule is held against random keeping.
        most: the largest fraction that may be chosen; beyond it cells are shown, not chosen.
    """
    known = _Known(laws, grid, examples, level)
    cells = [cell for row in known.grid.values() for cell in row if cell.keep_fraction <= most]
    best = min(cells, key=lambda cell: known.error[cell][0])
    twin, whole = best.at_random, None if examples is None else Cell(examples, 1.0, "random")
    others = (cell for cell in cells if cell.rule not in (best.rule, "random"))
    second = known.nearest([cell for cell in others if cell.keep_fraction < 1.0])
    least = None if examples is None else known.least(cells, best)
    rival = known.nearest({twin, *cells} & {twin, whole, second} - {best})
    if best == whole and least is not None:
        rival = least
    return KeepChoice(
        best=known.keep(best),
        random=known.keep(twin),
        everything=whole and known.keep(whole),
        runner_up=second and known.keep(second),
        gain=known.behind(twin, best),
        over_everything=whole and known.behind(whole, best),
        ahead=second and known.behind(second, best),
        rival=rival and known.keep(rival),
        least=least and known.keep(least),
        fractions={rule: known.spans(row) for rule, row in known.grid.items() if rule != "random"},
        sizes=_sizes(laws, best, known.tail, sizes),
        curves=known.curves(),
    )


class _Known:
    """Errors of the cells of a grid and of their random twins, a number a law."""

    def __init__(
        self,
        laws: CellLaws,
        grid: Mapping[str, Sequence[Cell]],
        examples: float | None,
        level: float,
    ) -> None:
        self.laws, self.tail = laws, (1.0 - level) / 2.0
        # Everything kept is one cell, whatever the rule.
        self.grid = {
            rule: [cell if cell.keep_fraction < 1.0 else cell.at_random for cell in row]
            for rule, row in grid.items()
        }
        cells = [cell for row in self.grid.values() for cell in row]
        wanted = [*cells, *(cell.at_random for cell in cells)]
        wanted += [] if examples is None else [Cell(examples, 1.0, "random")]
        wanted = list(dict.fromkeys(wanted))
        self.error = dict(zip(wanted, laws.errors(wanted).T, strict=True))

    def nearest(self, cells: Collection[Cell | None]) -> Cell | None:
        """The one of least error."""
        there = (cell for cell in cells if cell is not None)
        return min(there, key=lambda cell: (self.error[cell][0], cell), default=None)

    def keep(self, cell: Cell) -> Keep:
        error = Interval.of(self.error[cell], self.tail)
        keep = cell.rule, cell.keep_fraction, cell.size, cell.kept
        if not isinstance(self.laws, LocalLaws):
            return Keep(*keep, error)
        at = self.laws.place(cell)
        if at is not None:
            least, largest = self.laws.runs[at].tolist()
            error = Interval(error.value, min(error.low, least), max(error.high, largest))
        return Keep(*keep, error, self.laws.how(cell))

    def behind(self, cell: Cell, best: Cell) -> Interval:
        return Interval.of(self.error[cell] - self.error[best], self.tail)

    def least(self, cells: Sequence[Cell], best: Cell) -> Cell | None:
        """The cell of fewest examples that is surely close to the best; None: the best itself."""
        ratios = {cell: self.error[cell] / self.error[best] - 1.0 for cell in cells}
        close = [
            cell
            for cell, over in ratios.items()
            if max(over[0], np.quantile(over[1:], 1.0 - 2.0 * self.tail)) <= TOLERANCE
        ]
        found = min(close, key=lambda cell: (cell.kept, self.error[cell][0]), default=best)
        return None if found.kept >= best.kept else found

    def spans(self, row: Sequence[Cell]) -> tuple[Span, ...]:
        gains = [self.error[cell.at_random] - self.error[cell] for cell in row]
        fractions = np.array([cell.keep_fraction for cell in row])
        return spans(fractions, np.stack(gains, axis=1), self.tail)

    def curves(self) -> tuple[KeepCurve, ...]:
        """Of the grid, and of random keeping at every fraction of it."""
        twins = {cell.keep_fraction: cell.at_random for cell in self.error}
        rows = {rule: row for rule, row in self.grid.items() if rule != "random"}
        rows["random"] = [twins[f] for f in sorted(twins)]
        found = []
        for rule, row in rows.items():
            errors = np.stack([self.error[cell] for cell in row], axis=1)
            ends = quantile_interval(errors[1:], 1.0 - 2.0 * self.tail)
            fractions = np.array([cell.keep_fraction for cell in row])
            found.append(KeepCurve(rule, fractions, errors[0], *ends))
        return tuple(found)


def _sizes(laws: CellLaws, best: Cell, tail: float, ends: tuple[float, float]) -> tuple[Span, ...]:
    if best.rule == "random":
        return ()
    sizes = np.geomspace(*ends, SIZES)
    mine = [best._replace(size=float(size)) for size in sizes]
    errors = laws.errors([*(cell.at_random for cell in mine), *mine])
    return spans(sizes, errors[:, :SIZES] - errors[:, SIZES:], tail)


def spans(
    x: Float[np.ndarray, " n"], gain: Float[np.ndarray, "laws n"], tail: float
) -> tuple[Span, ...]:
    """The stretches of ascending x > 0 in which the gain of the first law is above 0.

    Their ends are where straight lines in log x cross `SAME`.
    """
    positive, last = gain[0] > SAME, len(x) - 1
    sure = np.quantile(gain[1:], tail, axis=0) > SAME
    found = []
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
