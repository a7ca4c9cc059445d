"""Functions of up to three variables as Chebyshev polynomials on boxes that halve where needed.

A box is cut at its middle, along the variable in which the polynomial converges slowest, until the
function at the points between the nodes is met to a tolerance.  The tree of cuts is a text, in
order of descent: 0, 1, 2 the variable cut, LEAF or EMPTY.  Coefficients are whole multiples of a
step.  cells.js evaluates the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LEAF, EMPTY = ".", "-"
NOT_CUT = 1e-12  # a variable with one node is constant and never cut

Function = Callable[[np.ndarray], np.ndarray]
"""points (n, 3) to values (n, outputs)"""


@dataclass(frozen=True)
class Frame:
    """Where a function lives and how finely it is kept.

    Attributes:
        low, high: the corners of the whole box.
        nodes: Chebyshev–Lobatto nodes along each variable; 1: constant in it.
        tolerance: largest difference at the points between nodes, for each output.
        step: of the rounded coefficients, for each output.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    nodes: tuple[int, int, int]
    tolerance: tuple[float, ...]
    step: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Cells:
    """A tree of boxes and the coefficients of its leaves, in the order of the tree."""

    frame: Frame
    tree: str
    coefficients: Float[np.ndarray, "leaves outputs n1 n2 n3"]

    @classmethod
    def of_whole(cls, frame: Frame, tree: str, whole: Int[np.ndarray, " n"]) -> Cells:
        """The coefficients are the first of `whole`, in units of their steps."""
        shape = (tree.count(LEAF), len(frame.step), *frame.nodes)
        return cls(frame, tree, whole[: np.prod(shape)].reshape(shape) * _steps(frame))

    def whole(self) -> Int[np.ndarray, "leaves outputs n1 n2 n3"]:
        """The coefficients in units of their steps."""
        return np.rint(self.coefficients / _steps(self.frame)).astype(np.int32)

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n outputs"]:
        """Values at points of the box; those outside count as on its surface."""
        inside = np.clip(points, self.frame.low, self.frame.high)
        values = np.full((len(points), self.coefficients.shape[1]), np.nan)
        leaves = zip(self.coefficients, self.leaves(inside), strict=True)
        for coefficients, (low, high, mine) in leaves:
            if mine.size:
                x = (2.0 * inside[mine] - low - high) / np.maximum(high - low, NOT_CUT)
                bases = _bases(x, self.frame.nodes)
                values[mine] = np.einsum("oabc,na,nb,nc->no", coefficients, *bases, optimize=True)
        return values

    def leaves(
        self, points: Float[np.ndarray, "n 3"]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Corners of the leaves in their order, and which points lie in them."""
        stack = [(np.array(self.frame.low), np.array(self.frame.high), np.arange(len(points)))]
        for code in self.tree:
            low, high, mine = stack.pop()
            if code == LEAF:
                yield low, high, mine
            elif code != EMPTY:
                first, second = halves(low, high, int(code))
                lower = points[mine, int(code)] < first[1][int(code)]
                stack += [(*second, mine[~lower]), (*first, mine[lower])]


def halves(low: np.ndarray, high: np.ndarray, axis: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The lower and the upper half of a box."""
    middle = 0.5 * (low[axis] + high[axis])
    below, above = high.copy(), low.copy()
    below[axis] = above[axis] = middle
    return [(low, below), (above, high)]


def _steps(frame: Frame) -> Float[np.ndarray, "1 outputs 1 1 1"]:
    return np.reshape(frame.step, (1, -1, 1, 1, 1))


def _bases(x: Float[np.ndarray, "n 3"], nodes: Sequence[int]) -> list[np.ndarray]:
    """Chebyshev polynomials of each variable at points of [−1, 1]³."""
    return [np.polynomial.chebyshev.chebvander(x[:, k], n - 1) for k, n in enumerate(nodes)]


def _lobatto(n: int) -> Float[np.ndarray, " n"]:
    return np.cos(np.pi * np.arange(n) / (n - 1)) if n > 1 else np.zeros(1)


def _between(n: int) -> Float[np.ndarray, " m"]:
    """Points between the Lobatto nodes, in angle; a constant is looked at once."""
    return np.cos(np.pi * (np.arange(n - 1) + 0.5) / (n - 1)) if n > 1 else np.zeros(1)


def _grid(axes: Sequence[np.ndarray]) -> Float[np.ndarray, "n 3"]:
    return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)


def _coefficients(
    values: Float[np.ndarray, "boxes n1 n2 n3 outputs"],
) -> Float[np.ndarray, "boxes outputs n1 n2 n3"]:
    """Chebyshev coefficients of the interpolant through the Lobatto nodes."""
    for axis in (1, 2, 3):
        n = values.shape[axis]
        matrix = np.linalg.inv(np.polynomial.chebyshev.chebvander(_lobatto(n), n - 1))
        values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
    return np.moveaxis(values, -1, 1)


def _slowest(
    coefficients: Float[np.ndarray, "outputs n1 n2 n3"], tolerance: Sequence[float]
) -> int:
    """The variable whose two highest degrees weigh most, in units of the tolerance."""
    size = np.abs(coefficients) / np.reshape(tolerance, (-1, 1, 1, 1))
    weight = [
        np.moveaxis(size, k + 1, 1)[:, -2:].sum() if size.shape[k + 1] > 1 else -1.0
        for k in range(3)
    ]
    return int(np.argmax(weight))


def fit(
    function: Function,
    frame: Frame,
    *,
    wanted: Callable[[np.ndarray, np.ndarray], bool] = lambda low, high: True,
    deepest: int = 18,
    progress: Callable[[int, int, int], None] | None = None,
) -> Cells:
    """Cells that meet `function`; boxes of which `wanted(low, high)` is False are left empty.

    `deepest` is the largest number of cuts above a box: one so small is kept as it is.
    `progress(depth, boxes, kept)` is called after each depth.
    """
    kept: dict[str, np.ndarray] = {}
    cut: dict[str, int] = {}
    boxes = {"": (np.array(frame.low), np.array(frame.high))}
    nodes = _grid([_lobatto(n) for n in frame.nodes])
    between = _grid([_between(n) for n in frame.nodes])
    for depth in range(deepest + 1):
        boxes = {path: box for path, box in boxes.items() if wanted(*box)}
        if not boxes:
            break
        both = np.concatenate([nodes, between])
        corners = np.array([np.stack(box) for box in boxes.values()])
        middle, half = corners.mean(axis=1), 0.5 * (corners[:, 1] - corners[:, 0])
        points = middle[:, None] + half[:, None] * both
        values = function(points.reshape(-1, 3)).reshape(len(boxes), len(both), -1)
        at_nodes = values[:, : len(nodes)].reshape(len(boxes), *frame.nodes, -1)
        coefficients = rounded(_coefficients(at_nodes), frame)
        bases = _bases(between, frame.nodes)
        guess = np.einsum("loabc,na,nb,nc->lno", coefficients, *bases, optimize=True)
        miss = np.abs(guess - values[:, len(nodes) :]).max(axis=1) / frame.tolerance
        following = {}
        for i, (path, box) in enumerate(boxes.items()):
            if miss[i].max() <= 1.0 or depth == deepest:
                kept[path] = coefficients[i]
                continue
            cut[path] = _slowest(coefficients[i], frame.tolerance)
            for side, part in zip("01", halves(*box, cut[path]), strict=True):
                following[path + side] = part
        if progress is not None:
            progress(depth, len(boxes), len(kept))
        boxes = following

    def descent(path: str) -> str:
        if path in cut:
            return f"{cut[path]}{descent(path + '0')}{descent(path + '1')}"
        return LEAF if path in kept else EMPTY

    return Cells(frame, descent(""), np.stack([kept[path] for path in sorted(kept)]))


def rounded(
    coefficients: Float[np.ndarray, "boxes outputs n1 n2 n3"], frame: Frame
) -> Float[np.ndarray, "boxes outputs n1 n2 n3"]:
    """The coefficients as multiples of the steps."""
    return np.rint(coefficients / _steps(frame)) * _steps(frame)
