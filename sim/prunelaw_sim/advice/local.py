"""A law, corrected by the runs: near measured cells the runs speak, far from them the law.

The logarithm of the error is that of the law plus a deviation, a Gaussian process with mean 0 of

    s₀² k(|Δu|)  +  s₁² [same rule] (1 − f²)(1 − f'²) k(√(Δp² + 4 Δv²)),
    k(d) = (1 + √3 d) exp(−√3 d),

u = log kept, p = log data-set size, v = log fraction: one part for all rules, and one for each rule
that ends where everything is kept.  k is Matérn's of order 3/2: curves that bend, as learning
curves do.  s₀, s₁ (and the noise of a run, where the table has no standard errors) maximise the
likelihood of the measured cells, so that a law which describes the runs is hardly corrected, and
one which does not is corrected near them and uncertain elsewhere.  Replicates are draws from the
posterior (Matheron's rule), each about another replicate of the law, with other s₀ and s₁, drawn
by their likelihood and a half-Cauchy prior: few cells do not tell that a law is exact, though that
be the likeliest.  Noise that no replicate measures is taken at the upper end of 95 %: what bends
takes some of it.

A line through the runs (`KeptLine`) is no law: its height and slope are as good as unknown, and the
process has them, too.  Power laws have a curve for each measured fraction and rule, and say nothing
between: measured cells and those between are then answered by the line (`within`), the others by
the curves, with the s₀ and s₁ of the line: so many curves hide how far runs are from a law.

Beyond the measured sizes a law goes astray as it did when it was held out: the replicates of a rule
move by a Student's number times `miss`, its relative error a doubling there, times the doublings.

A cell that was measured answers with its mean; its replicates are the mean, moved as its seeds
scatter.

Sources: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, sections 2.7 and 5.4;
Gelman 2006, Bayesian Analysis 1, 515 (half-Cauchy).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, cholesky

from prunelaw_sim.advice.cell_laws import Cell, CellLaws, KeptLine, cells_of

SAME_SIZE = 0.01  # relative: sizes may be printed rounded
SCALES = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])  # s₀ and s₁ that are tried
# Of one run, relative, where none is stated.
NOISES = np.geomspace(0.003, 0.1, 15)
LOOSE = np.array([1.0, 0.5])  # how little is known of the height and slope of a line (`KeptLine`)
USUAL = 0.2  # width of the half-Cauchy prior of s₀ and s₁
ABOVE = 1.92  # of the log-likelihood: the upper end of 95 %
JITTER = 1e-8


@dataclass(frozen=True, eq=False)
class LocalLaws:
    """A law and its replicates, corrected by measured cells; made by `corrected`.

    Attributes:
        law: what is corrected.
        cells: the measured ones.
        log_error: logarithm of their mean errors.
        moved: how far each replicate moves it, (replicates, cells).
        scales: s₀ and s₁, the likeliest.
        noise: relative standard error of each cell.
        drawn: s₀ and s₁ of each replicate.
        runs: the least and the largest error of a run of each cell.
        counts: how many runs each cell has.
    """

    law: CellLaws
    cells: tuple[Cell, ...]
    log_error: Float[np.ndarray, " cells"]
    moved: Float[np.ndarray, "replicates cells"]
    scales: tuple[float, float]
    noise: Float[np.ndarray, " cells"]
    drawn: Float[np.ndarray, "replicates 2"]
    runs: Float[np.ndarray, "cells 2"]
    counts: Float[np.ndarray, " cells"]
    seed: int
    within: LocalLaws | None = None
    miss: float = 0.0

    def place(self, cell: Cell) -> int | None:
        """Which measured cell this is."""
        return place_of(cell, self.cells)

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """Row 0: the best estimate; then the replicates."""
        every = [*self.cells, *cells]
        law = np.log(self.law.errors(every))
        count = len(self.cells)
        found = law[:, count:].copy()
        left = self.log_error - law[:, :count]
        left[1:] -= self.moved
        parts = _parts(every, count, isinstance(self.law, KeptLine))
        normal, index, first = self._normal(every, len(law) - 1)
        settings = np.vstack([self.scales, self.drawn])
        for setting in np.unique(settings, axis=0):
            rows = np.flatnonzero((settings == setting).all(axis=1))
            prior = setting[0] ** 2 * parts[0] + setting[1] ** 2 * parts[1] + parts[2]
            gain = _solved(prior[:count, :count], self.noise, prior[:count, count:]).T
            moves = np.zeros((len(rows), len(every)))
            drawn = rows > 0
            root = _root(prior[np.ix_(first, first)])
            moves[drawn] = (normal[rows[drawn] - 1] @ root.T)[:, index]
            found[rows] += (left[rows] - moves[:, :count]) @ gain.T + moves[:, count:]
        found[1:] += self._astray(cells, len(law) - 1)
        for i, cell in enumerate(cells):
            at = self.place(cell)
            if at is not None:
                found[0, i] = self.log_error[at]
                found[1:, i] = self.log_error[at] + self.moved[:, at]
        if self.within is not None:
            near = [i for i, cell in enumerate(cells) if self.how(cell) in ("measured", "between")]
            if near:
                found[:, near] = np.log(self.within.errors([cells[i] for i in near]))
        return np.minimum(np.exp(found), 1.0) if self._are_rates else np.exp(found)

    def how(self, cell: Cell) -> str:
        """How its error is known: "measured", "between" measured cells, by "law", or "unknown"."""
        if self.place(cell) is not None:
            return "measured"
        if between(cell, self.cells):
            return "between"
        return "law" if self.law.knows(cell) else "unknown"

    def knows(self, cell: Cell) -> bool:
        """Whether anything tells of this cell."""
        return self.how(cell) != "unknown"

    def beside(self, cell: Cell, rules: Collection[str]) -> dict[str, Cell]:
        """Rule → measured cell, of the size and fraction nearest to a cell where all were run.

        Empty where there are none within a doubling of both.
        """
        found, least = {}, float("inf")
        for size, f in {(one.size, one.keep_fraction) for one in self.cells}:
            far = np.abs(np.log2([size / cell.size, f / cell.keep_fraction]))
            here = {rule: Cell(size, f, rule) for rule in rules}
            measured = all(self.place(one) is not None for one in here.values())
            if f < 1.0 and measured and far.max() <= 1.0 and far.sum() < least:
                found, least = here, float(far.sum())
        return found

    @property
    def _are_rates(self) -> bool:
        return bool((self.log_error <= 0.0).all())

    def _astray(self, cells: Sequence[Cell], count: int) -> np.ndarray:
        """How far replicates move beyond the measured sizes, (replicates, cells)."""
        random = np.random.default_rng([self.seed, 17])
        measured: dict[str, list[float]] = {}
        for (_, rule), size in sorted(cell.curve for cell in self.cells):
            measured.setdefault(rule, []).append(size)
        few = len(measured)  # rules that told `miss`: Student's tails, as they are few
        tails = np.sqrt(few / random.chisquare(few, count))
        moved = {rule: random.standard_normal(count) * tails for rule in measured}
        moves = np.zeros((count, len(cells)))
        for i, cell in enumerate(cells):
            (_, rule), size = cell.curve
            if rule in measured:
                far = max(size / max(measured[rule]), min(measured[rule]) / size, 1.0)
                moves[:, i] = self.miss * np.log2(far) * moved[rule]
        return moves

    def _normal(
        self, cells: Sequence[Cell], count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(normal draws of distinct cells, which of these each cell is, where each is first)."""
        place = {cell: i for i, cell in enumerate(dict.fromkeys(cells))}
        index = np.array([place[cell] for cell in cells])
        first = np.unique(index, return_index=True)[1]
        random = np.random.default_rng([self.seed, 11])
        return random.standard_normal((count, len(first))), index, first


def corrected(
    law: CellLaws,
    points: pd.DataFrame,
    replicates: Float[np.ndarray, "replicates points"],
    noise: Float[np.ndarray, " points"] | None,
    seed: int,
    within: LocalLaws | None = None,
    miss: float = 0.0,
) -> LocalLaws:
    """A law corrected by measured points.

    Args:
        law: with as many replicates as given here.
        points: dataset_size, keep_fraction, rule, error above 0, and of its runs their number
            (replicates), least and largest.
        replicates: errors of the points in each replicate.
        noise: relative standard errors of the points; None where the table states none.
        within: answers for measured cells and between them.
        miss: relative error of the law a doubling beyond the data that it was fitted to.
    """
    cells = tuple(cells_of(points))
    log_error = np.log(points["error"].to_numpy(float))
    left = log_error - np.log(law.errors(cells)[0])
    scales, found, drawn = _settings(
        cells, left, noise, len(replicates), seed, isinstance(law, KeptLine)
    )
    if within is not None:  # so many curves hide how far runs are from a law
        drawn = within.drawn
    moved = np.log(replicates) - log_error
    if noise is None:  # the draws were as wide as the law's misfit
        moved *= found / max(float(moved.std()), 1e-300)
    runs = points[["least", "largest"]].to_numpy(float)
    counts = points["replicates"].to_numpy(float)
    return LocalLaws(
        law, cells, log_error, moved, scales, found, drawn, runs, counts, seed, within, miss
    )


def place_of(cell: Cell, cells: Sequence[Cell]) -> int | None:
    """The measured cell that is this one, by its size and fraction as printed."""
    for i, other in enumerate(cells):
        if cell.curve[0] != other.curve[0] and (
            cell.rule != other.rule
            or abs(cell.keep_fraction - other.keep_fraction) > SAME_SIZE * cell.keep_fraction
        ):
            continue
        mine, theirs = cell.curve[1], other.curve[1]
        if abs(mine - theirs) <= SAME_SIZE * mine:
            return i
    return None


def between(cell: Cell, cells: Sequence[Cell]) -> bool:
    """Whether it lies within the sizes and fractions at which its rule was measured."""
    rule = cell.curve[0][1]
    mine = [other for other in cells if other.curve[0][1] in (rule, "random")]
    if rule == "random":
        return _within(cell.kept, [one.kept for one in mine])
    own = [other for other in mine if other.rule == rule]
    sizes = {one.size for one in own}
    ends = [one.keep_fraction for one in own]
    whole = any(one.keep_fraction == 1.0 and _within(one.size, list(sizes)) for one in mine)
    return (
        bool(own)
        and _within(cell.size, list(sizes))
        and _within(cell.keep_fraction, [*ends, *([1.0] if whole else [])])
    )


def _within(value: float, measured: Sequence[float]) -> bool:
    if not measured:
        return False
    return (1.0 - SAME_SIZE) * min(measured) <= value <= (1.0 + SAME_SIZE) * max(measured)


def _settings(
    cells: Sequence[Cell],
    left: np.ndarray,
    noise: np.ndarray | None,
    count: int,
    seed: int,
    loose: bool,
) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
    """(s₀, s₁) of largest likelihood among those tried, the noise, and draws of (s₀, s₁)."""
    parts = _parts(cells, len(cells), loose)
    levels = [noise] if noise is not None else list(np.outer(NOISES, np.ones(len(cells))))
    tried = [(float(s0), float(s1)) for s0 in SCALES for s1 in SCALES]
    logs = np.array([[_log_likelihood(parts, two, n, left) for two in tried] for n in levels])
    best = logs.max(axis=1)
    at = int(np.flatnonzero(best >= best.max() - ABOVE).max())
    usual = np.prod(1.0 / (1.0 + (np.array(tried) / USUAL) ** 2), axis=1)
    weights = np.exp(logs[at] - best[at]) * usual
    random = np.random.default_rng([seed, 13])
    drawn = random.choice(len(tried), count, p=weights / weights.sum())
    return tried[int(logs[at].argmax())], levels[at], np.array(tried)[drawn]


def _log_likelihood(
    parts: Sequence[np.ndarray], scales: tuple[float, float], noise: np.ndarray, left: np.ndarray
) -> float:
    matrix = scales[0] ** 2 * parts[0] + scales[1] ** 2 * parts[1] + parts[2]
    root = cholesky(matrix + np.diag(noise**2 + JITTER), lower=True)
    inner = np.linalg.solve(root, left)
    return float(-0.5 * inner @ inner - np.log(np.diag(root)).sum())


def _parts(cells: Sequence[Cell], count: int, loose: bool) -> tuple[np.ndarray, ...]:
    """Covariances of deviations: of all rules, of each rule, and of a line that is not known.

    The first `count` cells are measured: the line turns about their middle.
    """
    size, f = (np.array([cell[i] for cell in cells], dtype=float) for i in (0, 1))
    rules = np.array([cell.rule if cell.keep_fraction < 1.0 else "random" for cell in cells])
    u, p, v = np.log(size * f), np.log(size), np.log(f)
    alike = (rules[:, None] == rules) & (rules != "random")

    def apart(x: np.ndarray) -> np.ndarray:
        return (x[:, None] - x) ** 2

    end = 1.0 - f**2
    own = alike * np.outer(end, end) * _matern(apart(p) + 4.0 * apart(v))
    line = np.stack([np.ones(len(u)), u - u[:count].mean()]) * LOOSE[:, None] * float(loose)
    return _matern(apart(u)), own, line.T @ line


def _matern(squared: np.ndarray) -> np.ndarray:
    """Matérn's covariance of order 3/2 at squared distances."""
    d = np.sqrt(3.0 * squared)
    return (1.0 + d) * np.exp(-d)


def _root(matrix: np.ndarray) -> np.ndarray:
    """A matrix whose product with its transpose is this one, singular ones included."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def _solved(inner: np.ndarray, noise: np.ndarray, right: np.ndarray) -> np.ndarray:
    return cho_solve(cho_factor(inner + np.diag(noise**2 + JITTER)), right)
