"""Students trained on the spot: pools drawn from the examples at hand, tested on the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from prunelaw_sim.features.linear_students import train_linear
from prunelaw_sim.features.question import Data, Point, Student, against_the_rest

TESTS = 50  # examples that at least are left to test on
Array = np.ndarray


def can_be_trained(data: Data, n: int) -> bool:
    """Whether a pool of n leaves enough examples to test on."""
    return n <= len(data.rows) - max(TESTS, len(data.rows) // 5)


def trained(
    data: Data,
    points: Sequence[Point],
    student: Student,
    *,
    trials: int = 10,
    centre: Float[Array, " d"] | float = 0.0,
    per_class: bool = False,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> Float[Array, "trials points"]:
    """Test errors; NaN where a pool would leave too few tests, or a kept set holds one class.

    Trial by trial all points share the order of the examples: differences between rules lose most
    of the noise.
    """
    errors = np.full((trials, len(points)), np.nan)
    for trial in range(trials):
        order = np.random.default_rng([seed, 5, trial]).permutation(data.rows)
        for i, point in enumerate(points):
            if not can_be_trained(data, point.n):
                continue
            pool, tests = order[: point.n], order[point.n :]
            kept = np.sort(data.kept(pool, point, per_class, seed + trial))
            if len(np.unique(data.labels[kept])) < len(data.names):
                continue
            x = np.asarray(data.features[kept], dtype=np.float64) - centre
            students = [
                train_linear(
                    x, y, loss=student.loss, penalty=student.penalty, intercept=student.intercept
                )
                for y in against_the_rest(data.labels[kept], data.several)
            ]
            tests = np.sort(tests[:5000])
            x = np.asarray(data.features[tests], dtype=np.float64) - centre
            if data.several:
                said = np.argmax([one.fields(x) for one in students], axis=0)
                errors[trial, i] = np.mean(said != data.labels[tests])
            else:
                errors[trial, i] = students[0].error(x, data.labels[tests])
        if progress:
            progress()
    return errors
