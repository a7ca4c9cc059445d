"""A law, corrected by the runs: near measured cells the runs speak, far from them the law.

The logarithm of the error is that of the law plus a deviation, a Gaussian process with mean 0 of

    s₀² k(|Δu|)  +  s₁² [same rule] (1 − f²)(1 − f'²) k(√(Δp² + 4 Δv²)),
    k(d) = (1 + √3 d) exp(−√3 d),

u = log kept, p = log data-set size, v = log fraction: one part for all rules, and one for each rule
that ends where everything is kept.  k is Matérn's of order 3/2: curves that bend, as learning
curves do.  s₀, s₁ (and the noise of a run, where the table has no standard errors) maximise the
likelihood of the measured cells, so that a law which describes the runs is hardly corrected, and
one which does not is corrected near them and uncertain elsewhere.  Replicates are draws from the
posterior (Matheron's rule), each about another replicate of the law.

A cell that was measured answers with its mean; its replicates are the mean, moved as its seeds
scatter.

Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, sections 2.7 and 5.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, cholesky

from prunelaw_sim.advice.cell_laws import Cell, CellLaws, cells_of

SAME_SIZE = 0.01  # relative: sizes may be printed rounded
SCALES = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8])  # s₀ and s₁ that are tried
NOISES = np.array([0.003, 0.01, 0.03, 0.1])  # of one run, relative, where none is stated
JITTER = 1e-8


@dataclass(frozen=True, eq=False)
class LocalLaws:
    """A law and its replicates, corrected by measured cells; made by `corrected`.

    Attributes:
        law: what is corrected.
        cells: the measured ones.
        log_error: logarithm of their mean errors.
        moved: how far each replicate moves it, (replicates, cells).
        scales: s₀ and s₁.
        noise: relative standard error of each cell.
        runs: the least and the largest error of a run of each cell.
    """

    law: CellLaws
    cells: tuple[Cell, ...]
    log_error: Float[np.ndarray, " cells"]
    moved: Float[np.ndarray, "replicates cells"]
    scales: tuple[float, float]
    noise: Float[np.ndarray, " cells"]
    runs: Float[np.ndarray, "cells 2"]
    seed: int

    def place(self, cell: Cell) -> int | None:
        """Which measured cell this is."""
        return place_of(cell, self.cells)

    def errors(self, cells: Sequence[Cell]) -> Float[np.ndarray, "laws cells"]:
        """Row 0: the best estimate; then the replicates."""
        every = [*self.cells, *cells]
        law = np.log(self.law.errors(every))
        count = len(self.cells)
        found = law[:, count:]
        if any(self.scales):
            prior = _prior(every, self.scales)
            gain = _solved(prior[:count, :count], self.noise, prior[:count, count:]).T
            drawn = self._draws(prior, every, len(law) - 1)
            left = self.log_error - law[:, :count]
            left[1:] -= drawn[:, :count] + self.moved
            found = found + left @ gain.T
            found[1:] += drawn[:, count:]
        for i, cell in enumerate(cells):
            at = self.place(cell)
            if at is not None:
                found[0, i] = self.log_error[at]
                found[1:, i] = self.log_error[at] + self.moved[:, at]
        return np.minimum(np.exp(found), 1.0) if self._are_rates else np.exp(found)

    def how(self, cell: Cell) -> str:
        """How its error is known: "measured", "between" measured cells of its rule, or by "law"."""
        if self.place(cell) is not None:
            return "measured"
        return "between" if between(cell, self.cells) else "law"

    @property
    def _are_rates(self) -> bool:
        return bool((self.log_error <= 0.0).all())

    def _draws(self, prior: np.ndarray, cells: Sequence[Cell], count: int) -> np.ndarray:
        """Draws of the deviation, (replicates, cells)."""
        distinct = list(dict.fromkeys(cells))
        index = np.array([distinct.index(cell) for cell in cells])
        first = np.unique(index, return_index=True)[1]
        inner = prior[np.ix_(first, first)]
        values, vectors = np.linalg.eigh(inner)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        random = np.random.default_rng([self.seed, 11])
        return (random.standard_normal((count, len(first))) @ root.T)[:, index]


def corrected(
    law: CellLaws,
    points: pd.DataFrame,
    replicates: Float[np.ndarray, "replicates points"],
    noise: Float[np.ndarray, " points"] | None,
    seed: int,
) -> LocalLaws:
    """A law corrected by measured points.

    Args:
        law: with as many replicates as given here.
        points: dataset_size, keep_fraction, rule, error above 0, and of its runs least and largest.
        replicates: errors of the points in each replicate.
        noise: relative standard errors of the points; None where the table states none.
    """
    cells = tuple(cells_of(points))
    log_error = np.log(points["error"].to_numpy(float))
    left = log_error - np.log(law.errors(cells)[0])
    scales, found = _likeliest(cells, left, noise)
    moved = np.log(replicates) - log_error
    if noise is None:  # the draws were as wide as the law's misfit
        moved *= found / max(float(moved.std()), 1e-300)
    runs = points[["least", "largest"]].to_numpy(float)
    return LocalLaws(law, cells, log_error, moved, scales, found, runs, seed)


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


def _likeliest(
    cells: Sequence[Cell], left: np.ndarray, noise: np.ndarray | None
) -> tuple[tuple[float, float], np.ndarray]:
    """(s₀, s₁) and the noise, of largest likelihood among those tried."""
    ones = np.ones(len(cells))
    noises = [level * ones for level in NOISES] if noise is None else [noise]
    common, own = _prior(cells, (1.0, 0.0)), _prior(cells, (0.0, 1.0))
    tried = [((s0, s1), n) for s0 in SCALES for s1 in SCALES for n in noises]
    return max(tried, key=lambda one: _log_likelihood(common, own, *one, left))


def _log_likelihood(
    common: np.ndarray, own: np.ndarray, scales: tuple[float, float], noise: np.ndarray,
    left: np.ndarray,
) -> float:  # fmt: skip
    matrix = scales[0] ** 2 * common + scales[1] ** 2 * own
    matrix = matrix + np.diag(noise**2 + JITTER)
    root = cholesky(matrix, lower=True)
    inner = np.linalg.solve(root, left)
    return float(-0.5 * inner @ inner - np.log(np.diag(root)).sum())


def _prior(cells: Sequence[Cell], scales: tuple[float, float]) -> np.ndarray:
    """Covariance of the deviations of cells."""
    size, f = (np.array([cell[i] for cell in cells], dtype=float) for i in (0, 1))
    rules = np.array([cell.rule if cell.keep_fraction < 1.0 else "random" for cell in cells])
    u, p, v = np.log(size * f), np.log(size), np.log(f)
    alike = (rules[:, None] == rules) & (rules != "random")

    def apart(x: np.ndarray) -> np.ndarray:
        return (x[:, None] - x) ** 2

    end = 1.0 - f**2
    own = alike * np.outer(end, end) * _matern(apart(p) + 4.0 * apart(v))
    return scales[0] ** 2 * _matern(apart(u)) + scales[1] ** 2 * own


def _matern(squared: np.ndarray) -> np.ndarray:
    """Matérn's covariance of order 3/2 at squared distances."""
    d = np.sqrt(3.0 * squared)
    return (1.0 + d) * np.exp(-d)


def _solved(inner: np.ndarray, noise: np.ndarray, right: np.ndarray) -> np.ndarray:
    return cho_solve(cho_factor(inner + np.diag(noise**2 + JITTER)), right)
