"""Computes theory/prunelaw/chart.npz, the table of starts of `prunelaw.perceptron.chart`.

    python tests/reference/make_chart.py

Every node is solved with starts that need no chart (a few minutes).  Where α_tot would pass 3e6
the coordinates go on linearly in log α_prune, so that the splines have no edge in the domain.
"""

from pathlib import Path

import numpy as np

from prunelaw.perceptron import chart
from prunelaw.perceptron.frames import every_frame, nearest
from prunelaw.perceptron.saddle import Problem, State
from prunelaw.perceptron.solver import solve_points

LARGEST_ALPHA = 3e6
PART = 1024


def solved(problem: Problem, fraction: np.ndarray) -> tuple[State, np.ndarray]:
    """The students, and where they were found."""
    parts = [slice(i, i + PART) for i in range(0, len(fraction), PART)]
    found = [solve_points(problem.take(part), fraction[part]) for part in parts]
    state = State(*(np.concatenate(c) for c in zip(*(one.state for one in found), strict=True)))
    return state, np.concatenate([one.converged for one in found])


def table(rule: str, planar: bool) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (nodes, 4) and frames (nodes,) of one rule's lattice."""
    lattice = chart.lattice(rule, planar=planar)
    load, fraction, theta = lattice.nodes(rule)
    ok = np.flatnonzero(np.exp(load) / fraction < LARGEST_ALPHA)
    problem = chart.problem_at(rule, load[ok], fraction[ok], theta[ok], planar=planar)
    state, good = solved(problem, fraction[ok])
    print(f"{rule}, {'theta > 0' if planar else 'theta = 0'}: {ok.size} solved, "
          f"{(~good).sum()} failed")  # fmt: skip
    every = np.full((len(load), 3, 4), np.nan)
    every[ok[good]] = every_frame(problem, state)[good]
    frame = np.zeros(len(load), dtype=int)
    frame[ok] = nearest(every[ok])
    rows = every.reshape(len(lattice.axes[0]), -1, 3, 4)
    frames = frame.reshape(len(lattice.axes[0]), -1)
    for i in range(2, len(rows)):
        missing = np.isnan(rows[i, :, 0, 0])
        rows[i, missing] = 2.0 * rows[i - 1, missing] - rows[i - 2, missing]
        frames[i, missing] = frames[i - 1, missing]
    place = np.take_along_axis(rows, frames[:, :, None, None], axis=2)[:, :, 0]
    return place.reshape(-1, 4), frames.ravel()


def main() -> None:
    arrays = {}
    for rule in chart.RULES:
        for planar in (True, False):
            place, frame = table(rule, planar)
            arrays[chart.key(rule, planar, "place")] = place.astype(np.float32)
            arrays[chart.key(rule, planar, "frame")] = frame.astype(np.uint8)
    target = Path(chart.__file__).with_name(chart.FILE)
    np.savez_compressed(target, **arrays)
    print(f"{target.name}: {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
