"""The search for the keep rule of least error, in the ranks in which kept mass is length.

Rules are sets of ranks x ∈ [0, 1].  The search moves the edges of the kept intervals downhill,
solves I(edge) = c, E[w] = f for them, and where the condition of the first order is still violated
exchanges kept examples for better ones elsewhere.  What a rank means, the error of a set of ranks
and the influence I = dε/d(kept mass) come from a subclass: the perceptron's, or that of features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize, root

from prunelaw.numerics.gaussian import Array
from prunelaw.pruning.ranks import between, inside, least, of_length

GRID = 240  # ranks at which the search looks at the influence; thrice for the certificate
ROUNDS = 6
SHORTEST = 1e-3  # share of an exchange below which a search has ended
OPTIMAL = 1e-6  # largest relative violation of the first-order condition
SAME_ERROR = 1e-9  # relative: starts that agree to this have met
EXTREME = 1e-9  # the grid of ranks ends so far from 0 and 1


class Found(NamedTuple):
    """A solved rule: its error, and what the solver goes on from."""

    error: float
    state: Any


class Met(NamedTuple):
    """A rule met on the way: kept ranks, its solution (None: not solved), its certificate."""

    name: str
    ranks: Array
    found: Found | None
    violation: float

    @property
    def error(self) -> float:
        return np.inf if self.found is None else self.found.error


class RuleSearch(ABC):
    """Rules of one kind that keep the fraction f.

    Attributes:
        breaks: ranks inside (0, 1) at which the influence may jump; edges may rest there.
    """

    def __init__(self, f: float, breaks: tuple[float, ...] = ()):
        self.f, self.ends = f, np.array([0.0, *breaks, 1.0])
        self.grid, self.fine = self._ranks(GRID), self._ranks(3 * GRID)

    @abstractmethod
    def solved(self, ranks: Array, near: Found | None) -> Found | None:
        """The error of a rule to about 1e-9, enough to search by; from a neighbour if it can."""

    @abstractmethod
    def exactly(self, ranks: Array, near: Found | None) -> Found | None:
        """The error of a rule with its proof."""

    @abstractmethod
    def influence(self, ranks: Array, found: Found, at: Array) -> Float[np.ndarray, " ranks"]:
        """I at ranks `at` under the rule."""

    def _ranks(self, count: int) -> Float[np.ndarray, " grid"]:
        """Ranks, denser towards all ends, where few examples can matter most."""
        grids = []
        for low, high in zip(self.ends, self.ends[1:], strict=False):
            angle = np.linspace(0.0, np.pi, max(8, int(count * (high - low))))
            room = high - low - 2.0 * EXTREME
            grids.append(low + EXTREME + room * 0.5 * (1.0 - np.cos(angle)))
        return np.concatenate(grids)

    def starts(self) -> dict[str, Array]:
        """Where searches begin: kept ranks by name; none stands for random keeping."""
        room = 1.0 - self.f
        lows = {"hard": 0.0, "easy": room}
        lows |= {f"band at {place:g}": place * room for place in (0.15, 0.4, 0.7)}
        ranks = {name: np.array([[low, low + self.f]]) for name, low in lows.items()}
        return ranks | {"random": np.empty((0, 2))}

    def run(self, name: str, ranks: Array) -> Met:
        """Alternate between moving the edges to their optimum and exchanging kept for dropped."""
        point = self._judged(name, ranks, None)
        for _ in range(ROUNDS):
            if point.found is None or point.violation < OPTIMAL:
                break
            ranks, found = point.ranks, point.found
            if len(ranks):
                ranks, found = self._polished(*self._descended(ranks, found))
                point = self._judged(name, ranks, found)
                if point.found is None or point.violation < OPTIMAL:
                    break
            wanted = least(self.grid, self.influence(ranks, found, self.grid), self.f)
            moved, found = self._step(ranks, wanted, found)
            if moved is ranks:
                break
            point = self._judged(name, moved, found)
        return point

    def _descended(self, ranks: Array, found: Found) -> tuple[Array, Found]:
        """Sequential quadratic programming over the edges, as many as there are: with ranks as
        coordinates dε = Σ I(high) d high − I(low) d low, at Σ (high − low) = f.
        """
        best = {"ranks": ranks, "found": found}
        sign = np.tile([-1.0, 1.0], len(ranks))

        def log_error(edges: Array) -> tuple[float, Array]:
            trial = np.sort(np.clip(edges, 0.0, 1.0)).reshape(-1, 2)
            nowhere = np.log(0.5), np.zeros_like(edges)
            if not (np.diff(trial.ravel()) > 0.0).all():  # an interval that the step has emptied
                return nowhere
            new = self.solved(trial, best["found"])
            if new is None:
                return nowhere
            if new.error < best["found"].error:
                best.update(ranks=trial, found=new)
            slope = sign * self.influence(trial, new, trial.ravel())
            return np.log(new.error), slope / new.error

        ordered = np.diff(np.eye(2 * len(ranks)), axis=0)
        minimize(
            log_error, ranks.ravel(), jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * ranks.size,
            constraints=[
                {"type": "eq", "fun": lambda e: sign @ e - self.f, "jac": lambda e: sign},
                {"type": "ineq", "fun": lambda e: ordered @ e, "jac": lambda e: ordered},
            ],
            options={"maxiter": 30, "ftol": 1e-7},
        )  # fmt: skip
        # Its constraint holds to rounding only; what is kept must be f.
        trial = of_length(best["ranks"], self.f, self.ends)
        new = self.solved(trial, best["found"])
        if new is not None and new.error <= found.error:
            return trial, new
        return ranks, found

    def _judged(self, name: str, ranks: Array, near: Found | None) -> Met:
        """The rule with its error and its certificate."""
        point = Met(name, ranks, self.exactly(ranks, near), np.inf)
        return point._replace(violation=self.certificate(point)[2])

    def _step(self, ranks: Array, wanted: Array, found: Found) -> tuple[Array, Found]:
        """The longest of the steps 1, 1/2, 1/4, ... towards `wanted` that lowers the error.

        From random keeping there is no way but the whole step, taken whatever the error.
        """
        before, length = found.error if len(ranks) else np.inf, 1.0
        while length >= SHORTEST:
            trial = of_length(between(ranks, wanted, length), self.f, self.ends)
            new = self.solved(trial, found)
            if new is not None and new.error < before:
                return trial, new
            length *= 0.5
        return ranks, found

    def _polished(self, ranks: Array, found: Found) -> tuple[Array, Found]:
        """Edges that solve I(edge) = c and E[w] = f; those at an end stay there."""
        flat = ranks.ravel()
        free = np.flatnonzero(inside(flat, self.ends))
        if len(free) < 2:
            return ranks, found
        last = {"ranks": ranks, "found": found}

        def equations(unknown: Array) -> Array:
            trial = flat.copy()
            trial[free] = unknown
            edges = trial.reshape(-1, 2)
            if (np.diff(trial) <= 0).any() or trial[0] < 0 or trial[-1] > 1:
                return np.full(len(free), 1e3)
            new = self.solved(edges, last["found"])
            if new is None:
                return np.full(len(free), 1e3)
            last.update(ranks=edges, found=new)
            values = self.influence(edges, new, unknown)
            scale = np.abs(values).max()
            mass = np.sum(edges[:, 1] - edges[:, 0]) - self.f
            return np.append(np.diff(values) / scale, mass / self.f)

        at = root(equations, flat[free], tol=1e-11, options={"maxfev": 12 + 6 * len(free)})
        if np.abs(at.fun).max() > 1e-7 or np.abs(equations(at.x)).max() > 1e-7:
            return ranks, found
        better = last["found"].error <= found.error * (1 + SAME_ERROR)
        return (last["ranks"], last["found"]) if better else (ranks, found)

    def certificate(self, point: Met) -> tuple[Array, float, float]:
        """(I, c, largest relative violation of the first-order condition) on the fine grid."""
        if point.found is None:
            return np.full_like(self.fine, np.nan), np.nan, np.inf
        values = self.influence(point.ranks, point.found, self.fine)
        edges = point.ranks.ravel()
        edges = edges[inside(edges, self.ends)]
        if not len(edges):
            return values, np.nan, 1.0
        cut = float(np.mean(self.influence(point.ranks, point.found, edges)))
        at = self.fine[:, None]
        kept = ((at >= point.ranks[:, 0]) & (at <= point.ranks[:, 1])).any(1)
        excess = np.where(kept, values - cut, cut - values)
        spread = values.max() - values.min()
        return values, cut, float(max(excess.max(), 0.0) / spread)
