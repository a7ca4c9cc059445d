"""One batch of trials: probes trained where they are, data drawn and pruned, students to come.

Trial i depends on (seed, i) alone, whatever the batch; nothing here depends on the student.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from prunelaw_sim.simulation.inputs import field_angle
from prunelaw_sim.simulation.overlaps import Directions, Frame, Plane
from prunelaw_sim.simulation.point import Point
from prunelaw_sim.simulation.probes import Given
from prunelaw_sim.simulation.teacher import draw_in_plane, most_kept
from prunelaw_sim.simulation.whole_trials import draw_whole, probe_rows, teacher_direction
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
        drawn = [_draw(pool, trial, None) for trial in numbers]
        gap, converged = np.zeros(len(numbers)), np.ones(len(numbers), bool)
    else:
        probes = train_separators([probe_rows(pool, i) for i in numbers])
        drawn = [_draw(pool, i, J) for i, J in zip(numbers, probes.J, strict=True)]
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


def _draw(
    pool: Point, trial: int, trained: Float[np.ndarray, " N"] | None
) -> tuple[Float[np.ndarray, "_ N"], Frame]:
    if not pool.planar:
        rows, teacher, probe = draw_whole(pool, trial, trained)
        return rows, Directions(teacher, probe, pool.inputs)
    theta = pool.theta
    if trained is not None:  # Gaussian inputs: the probe's own data told nothing but its angle
        theta = field_angle(pool.inputs, teacher_direction(pool, trial), trained)
    return draw_in_plane(pool, trial, theta), Plane(theta)
