"""Functions of up to three variables as Chebyshev polynomials on boxes that halve where needed.

A box is cut at its middle, along the variable in which the polynomial converges slowest, until the
function at the points between the nodes is met to a tolerance.  The tree of cuts and the
coefficients, rounded to a step, become bytes: `encode` and `decode`; cells.js reads the same.

    tree   in order of descent: 0, 1, 2 the variable cut at the middle, LEAF, or EMPTY
    leaf   for each output the coefficients in C order, as zigzag varints of c/step
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LEAF, EMPTY = 3, 4
NOT_CUT = 1e-12  # a variable with one node is constant and never cut

Function = Callable[[np.ndarray], np.ndarray]
"""points (n, 3) to values (n, outputs)"""


@dataclass(frozen=True)
class Frame:
    """Where a function lives and how finely it is kept.

    low, high    the corners of the whole box
    nodes        Chebyshev–Lobatto nodes along each variable; 1: constant in it
    tolerance    largest difference at the points between nodes, for each output
    step         of the rounded coefficients, for each output
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
    tree: tuple[int, ...]
    coefficients: Float[np.ndarray, "leaves outputs n1 n2 n3"]

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n outputs"]:
        """Values at points of the box; those outside count as on its surface."""
        inside = np.clip(points, self.frame.low, self.frame.high)
        values = np.full((len(points), self.coefficients.shape[1]), np.nan)
        boxes = self._boxes()
        for leaf, mine in self._by_leaf(inside):
            low, high = boxes[leaf]
            x = _unit(inside[mine], low, high)
            bases = [
                np.polynomial.chebyshev.chebvander(x[:, k], n - 1)
                for k, n in enumerate(self.frame.nodes)
            ]
            values[mine] = np.einsum(
                "oabc,na,nb,nc->no", self.coefficients[leaf], *bases, optimize=True
            )
        return values

    def _boxes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Corners of the leaves, in their order."""
        boxes = []
        stack = [(np.array(self.frame.low), np.array(self.frame.high))]
        for code in self.tree:
            low, high = stack.pop()
            if code == LEAF:
                boxes.append((low, high))
            elif code != EMPTY:
                stack += reversed(halves(low, high, code))
        return boxes

    def _by_leaf(self, points: Float[np.ndarray, "n 3"]):
        """(leaf, its points), a leaf at a time."""
        leaf = 0
        stack = [(np.array(self.frame.low), np.array(self.frame.high), np.arange(len(points)))]
        for code in self.tree:
            low, high, mine = stack.pop()
            if code == LEAF:
                if mine.size:
                    yield leaf, mine
                leaf += 1
            elif code != EMPTY:
                first, second = halves(low, high, code)
                lower = points[mine, code] < first[1][code]
                stack += [(*second, mine[~lower]), (*first, mine[lower])]


def halves(low: np.ndarray, high: np.ndarray, axis: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The lower and the upper half of a box."""
    middle = 0.5 * (low[axis] + high[axis])
    below, above = high.copy(), low.copy()
    below[axis] = above[axis] = middle
    return [(low, below), (above, high)]


def _unit(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points of a box as points of [−1, 1]³."""
    return (2.0 * points - low - high) / np.maximum(high - low, NOT_CUT)


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
        coefficients = rounded(_coefficients(at_nodes), frame.step)
        basis = [np.polynomial.chebyshev.chebvander(between[:, k], n - 1)
                 for k, n in enumerate(frame.nodes)]  # fmt: skip
        guess = np.einsum("loabc,na,nb,nc->lno", coefficients, *basis, optimize=True)
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
    tree, order = _in_order(cut, kept)
    return Cells(frame, tree, np.stack([kept[path] for path in order]))


def rounded(
    coefficients: Float[np.ndarray, "boxes outputs n1 n2 n3"], step: Sequence[float]
) -> Float[np.ndarray, "boxes outputs n1 n2 n3"]:
    """The coefficients as multiples of the step."""
    unit = np.reshape(step, (1, -1, 1, 1, 1))
    return np.rint(coefficients / unit) * unit


def _in_order(
    cut: dict[str, int], kept: dict[str, np.ndarray]
) -> tuple[tuple[int, ...], list[str]]:
    """The codes of the tree in order of descent, and the paths of its leaves."""
    tree, order, stack = [], [], [""]
    while stack:
        path = stack.pop()
        if path in cut:
            tree.append(cut[path])
            stack += [path + "1", path + "0"]
        elif path in kept:
            tree.append(LEAF)
            order.append(path)
        else:
            tree.append(EMPTY)
    return tuple(tree), order


def encode(cells: Cells) -> bytes:
    """Bytes of the tree and of the coefficients."""
    step = np.reshape(cells.frame.step, (1, -1, 1, 1, 1))
    whole = np.rint(cells.coefficients / step).astype(np.int64)
    return bytes(cells.tree) + _varints(whole.ravel())


def decode(frame: Frame, data: bytes, start: int) -> tuple[Cells, int]:
    """The cells that begin at `start`, and where they end."""
    open_boxes, end = 1, start
    while open_boxes:
        open_boxes += 1 if data[end] < LEAF else -1
        end += 1
    tree = tuple(data[start:end])
    shape = (tree.count(LEAF), len(frame.step), *frame.nodes)
    whole, end = _from_varints(data, end, int(np.prod(shape)))
    step = np.reshape(frame.step, (1, -1, 1, 1, 1))
    return Cells(frame, tree, whole.reshape(shape) * step), end


def _varints(whole: Int[np.ndarray, " n"]) -> bytes:
    """Zigzag varints: seven bits a byte, the lowest first, the eighth says that more follow."""
    out = bytearray()
    for value in ((whole << 1) ^ (whole >> 63)).tolist():
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        out.append(value)
    return bytes(out)


def _from_varints(data: bytes, start: int, count: int) -> tuple[Int[np.ndarray, " n"], int]:
    values, end = np.empty(count, np.int64), start
    for i in range(count):
        value = shift = 0
        while True:
            byte = data[end]
            end += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        values[i] = (value >> 1) ^ -(value & 1)
    return values, end
