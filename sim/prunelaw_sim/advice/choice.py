"""The choice among rules and fractions: errors of all cells under all laws, and what follows.

A choice is the cell of least error under the best estimate; a measured cell comes first where that
one is not, is not told from it, and is at most 5 % better.  Where the law alone tells of that one,
and has another order of the rules at the nearest measured cells than they tell, their winner comes
first (`deferred`); a law that has their order may turn it.

What the choice is held against: random keeping of as many examples, no pruning, and the best cell
of another rule, as far as anything tells of them.  Intervals are quantiles over the replicates of
the laws; differences are taken within each replicate.
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
APART = 1.1  # sizes in a narrower range are one size
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
        runs: whose mean it is; 0 where it is not measured.
    """

    rule: str
    keep_fraction: float
    dataset_size: float
    kept: float
    error: Interval
    how: str = "law"
    runs: int = 0


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
        random: random keeping of as many examples; None where neither runs nor a law tell of it.
        everything: no pruning; None where only a number of kept examples was given, or as above.
        runner_up: the best of another rule than that of `best`.
        gain, over_everything, ahead: how much larger the errors of these three are.
        tied: which of "random", "everything" and "runner_up" could be chosen, and are not told
            from `best`; in the order of their errors.
        nearest: where `best` is not measured, the nearest measured cells of its rule and the others
            that could be chosen, at one size and fraction; in the order of their errors.
        deferred: whether they contradict the order that the law has there, and `best` is their
            winner.  Then `fractions` and `sizes` are empty: they would be the law's.
        rival: the nearest of these that is another choice, and allowed; `least`, where all is kept.
        least: of a data set: the fewest examples whose error is, at `level`, at most 5 % above the
            best.
        fractions: rule → where in f it beats random keeping.
        sizes: at which data-set sizes the best rule beats random keeping, at its fraction.
    """

    best: Keep
    random: Keep | None
    everything: Keep | None
    runner_up: Keep | None
    gain: Interval | None
    over_everything: Interval | None
    ahead: Interval | None
    tied: tuple[str, ...]
    nearest: tuple[Keep, ...]
    deferred: bool
    rival: Keep | None
    least: Keep | None
    fractions: Mapping[str, tuple[Span, ...]]
    sizes: tuple[Span, ...]
    curves: tuple[KeepCurve, ...] = field(repr=False)

    @property
    def doubt(self) -> tuple[str, str, Interval | None]:
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
    best, nearest, deferred = known.best(cells)
    twin = known.if_known(best.at_random)
    whole = None if examples is None else known.if_known(Cell(examples, 1.0, "random"))
    pruned = [cell for cell in cells if cell.rule != "random" and cell.keep_fraction < 1.0]
    second = known.nearest([cell for cell in pruned if cell.rule != best.rule])
    least = None if examples is None else known.least(cells, best)
    others = {"random": twin, "everything": whole, "runner_up": second}
    allowed = {
        name: cell
        for name, cell in others.items()
        if cell is not None and cell != best and cell in {twin, *cells}
    }
    rival = known.nearest(allowed.values())
    if best == whole and least is not None:
        rival = least
    tied = [name for name, cell in allowed.items() if not known.behind(cell, best).told]
    return KeepChoice(
        best=known.keep(best),
        random=twin and known.keep(twin),
        everything=whole and known.keep(whole),
        runner_up=second and known.keep(second),
        gain=twin and known.behind(twin, best),
        over_everything=whole and known.behind(whole, best),
        ahead=second and known.behind(second, best),
        nearest=tuple(known.keep(cell) for cell in nearest),
        deferred=deferred,
        tied=tuple(sorted(tied, key=lambda name: known.value(allowed[name]))),
        rival=rival and known.keep(rival),
        least=least and known.keep(least),
        fractions={
            rule: known.spans(row)
            for rule, row in known.grid.items()
            if not deferred and rule != "random" and any(laws.knows(cell.at_random) for cell in row)
        },
        sizes=() if deferred else _sizes(laws, best, known.tail, sizes),
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

    def value(self, cell: Cell) -> tuple[float, Cell]:
        """Its error by the best estimate, to sort by."""
        return float(self.error[cell][0]), cell

    def if_known(self, cell: Cell) -> Cell | None:
        """The cell, if anything tells of it."""
        return cell if self.laws.knows(cell) else None

    def best(self, cells: Sequence[Cell]) -> tuple[Cell, Sequence[Cell], bool]:
        """(the choice, the nearest measured cells, whether their order is another one)."""
        least = min(cells, key=self.value)
        if self.how(least) == "measured" or not isinstance(self.laws, LocalLaws):
            return least, (), False
        close = [
            cell
            for cell in cells
            if self.error[cell][0] <= (1.0 + TOLERANCE) * self.error[least][0]
            and self.how(cell) == "measured"
            and not self.behind(cell, least).told
        ]
        if close:
            return min(close, key=self.value), (), False
        of_rule: dict[str, Cell] = {}
        for cell in sorted(cells, key=self.value):
            if cell.keep_fraction < 1.0:
                of_rule.setdefault(cell.rule, cell)
        beside = self.laws.beside(least, of_rule)
        if least.keep_fraction == 1.0 or not beside:
            return least, (), False
        measured = list(beside.values())
        self.error |= dict(zip(measured, self.laws.errors(measured).T, strict=True))
        order = sorted(measured, key=self.value)
        mine, first = beside[least.rule], order[0]
        by_law = self.laws.law.errors([mine, first])[0]
        against = self.behind(mine, first).told and by_law[0] <= by_law[1]
        if self.how(least) != "law" or first == mine or not against:
            return least, order, False
        return of_rule[first.rule], order, True

    def how(self, cell: Cell) -> str:
        """How its error is known."""
        return self.laws.how(cell) if isinstance(self.laws, LocalLaws) else "law"

    def nearest(self, cells: Collection[Cell | None]) -> Cell | None:
        """The one of least error."""
        return min((cell for cell in cells if cell is not None), key=self.value, default=None)

    def keep(self, cell: Cell) -> Keep:
        error = Interval.of(self.error[cell], self.tail)
        keep = cell.rule, cell.keep_fraction, cell.size, cell.kept
        if not isinstance(self.laws, LocalLaws):
            return Keep(*keep, error)
        at = self.laws.place(cell)
        if at is not None:
            least, largest = self.laws.runs[at].tolist()
            error = Interval(error.value, min(error.low, least), max(error.high, largest))
            return Keep(*keep, error, "measured", int(self.laws.counts[at]))
        return Keep(*keep, error, self.how(cell))

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
        row = [cell for cell in row if self.laws.knows(cell.at_random)]
        if not row:
            return ()
        gains = [self.error[cell.at_random] - self.error[cell] for cell in row]
        fractions = np.array([cell.keep_fraction for cell in row])
        return spans(fractions, np.stack(gains, axis=1), self.tail)

    def curves(self) -> tuple[KeepCurve, ...]:
        """Of the grid, and of random keeping at every fraction of it."""
        every = [cell for row in self.grid.values() for cell in row]
        twins = {c.keep_fraction: c.at_random for c in every if self.laws.knows(c.at_random)}
        rows = {rule: row for rule, row in self.grid.items() if rule != "random"}
        if twins:
            rows["random"] = [twins[f] for f in sorted(twins)]
        found = []
        for rule, row in rows.items():
            errors = np.stack([self.error[cell] for cell in row], axis=1)
            ends = quantile_interval(errors[1:], 1.0 - 2.0 * self.tail)
            fractions = np.array([cell.keep_fraction for cell in row])
            found.append(KeepCurve(rule, fractions, errors[0], *ends))
        return tuple(found)


def _sizes(laws: CellLaws, best: Cell, tail: float, ends: tuple[float, float]) -> tuple[Span, ...]:
    """Of the sizes at which anything tells of both; that of the choice is one of them."""
    if best.rule == "random":
        return ()
    every = sorted({*np.geomspace(*ends, SIZES).tolist(), best.size})
    mine = [best._replace(size=size) for size in every]
    mine = [cell for cell in mine if laws.knows(cell) and laws.knows(cell.at_random)]
    if len(mine) < 2 or mine[-1].size < APART * mine[0].size:
        return ()
    errors = laws.errors([*(cell.at_random for cell in mine), *mine])
    sizes = np.array([cell.size for cell in mine])
    return spans(sizes, errors[:, : len(mine)] - errors[:, len(mine) :], tail)


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
