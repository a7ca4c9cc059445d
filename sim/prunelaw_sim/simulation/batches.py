"""One batch of trials: probes trained where they are, data drawn and pruned, students to come."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.simulation.overlaps import Frame
from prunelaw_sim.simulation.point import Point
from prunelaw_sim.simulation.probes import Given
from prunelaw_sim.simulation.teacher import draw_trial, most_kept, probe_rows
from prunelaw_sim.students.hard_margin import padded, train_separators

MEMORY_LIMIT = 2**29  # bytes that one batch of trials may take
MAX_BATCH = 25


class Batch(NamedTuple):
    """Kept rows y x of each trial, its directions, and the certificate of its probe."""

    rows: list[Float[np.ndarray, "_ N"]]
    frames: list[Frame]
    probe_gap: Float[np.ndarray, " batch"]
    probe_converged: Bool[np.ndarray, " batch"]


def draw_batch(pool: Point, trials: np.ndarray) -> Batch:
    """The pruned data of these trials.  Raises `InputError` if a trial keeps no example.

    A trained probe without certificate still prunes; its trial is flagged.
    """
    numbers = [int(trial) for trial in trials]
    if isinstance(pool.probe, Given):
        drawn = [draw_trial(pool, trial) for trial in numbers]
        gap, converged = np.zeros(len(numbers)), np.ones(len(numbers), bool)
    else:
        probes = train_separators([probe_rows(pool, i) for i in numbers])
        drawn = [draw_trial(pool, i, J) for i, J in zip(numbers, probes.J, strict=True)]
        gap, converged = probes.relative_gap, probes.converged
    return Batch([rows for rows, _ in drawn], [frame for _, frame in drawn], gap, converged)


def batch_size(trials: int, pool: Point) -> int:
    """Trials at a time: equal batches of at most 25 that keep to the memory limit."""
    widest = most_kept(pool)
    if pool.probe_drawn:
        widest = max(widest, padded(pool.probe_drawn))
    # Rows and their scaled copies; A D A^T, its factor and their copies; the fields of the pool.
    square = min(pool.dim, widest) ** 2
    a_trial = 40 * pool.dim * widest + 40 * square + 64 * padded(pool.drawn)
    whole = 0 if pool.planar else 24 * pool.dim * pool.drawn  # of one trial at a time
    fitting = max(1, (MEMORY_LIMIT - whole) // a_trial)
    batches = -(-trials // min(fitting, MAX_BATCH))
    return -(-trials // batches)
