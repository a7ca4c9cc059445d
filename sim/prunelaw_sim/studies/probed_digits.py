"""Large-margin students on digits pruned by probes of several qualities: even or odd?

The real sweep that comes nearest to the pruning theory (see `digits`), with what a test of it
needs: any rule of `kept_examples`, bands included; probes trained on more or fewer images; and for
each probe a twin of the same kind, trained on other images, which tells the probe's angle without
a fit (`probe_angles`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.students.large_margin import Progress, train_large_margin
from prunelaw_sim.studies.digits import (
    PROBE_IMAGES,
    Split,
    even_odd_features,
    split_images,
    wrong_side,
)
from prunelaw_sim.studies.probe_angles import field_correlation

LARGEST_POOL = 997  # what 1797 images leave
KEYS = ("probe_images", "dataset_size", "keep_fraction", "rule")
Cell = tuple[int, float, str]  # P, f, rule


class ProbedSweep(NamedTuple):
    """What was measured, as tables.

    Attributes:
        runs: a row a (probe, cell, seed): the columns of `KEYS`, seed, and the test error.
        probes: a row a (probe, seed): probe_images, seed, how many of the pool's images it got
            `wrong` of those `tested`, and the `correlation` of its fields there with its twin's.
    """

    runs: pd.DataFrame
    probes: pd.DataFrame


def probed_digits_sweep(
    cells: Sequence[Cell],
    *,
    probe_images: Sequence[int] = (PROBE_IMAGES,),
    seeds: Sequence[int],
    progress: Progress | None = None,
) -> ProbedSweep:
    """Test errors of students trained on what rules keep of the first P images of a pool.

    Every seed draws its own 400 probe images, 400 tests and pool of 997.  Smaller pools lie inside
    larger ones, the images of a poorer probe inside those of a better one, and a set that two rules
    keep is trained on once.  A probe's twin is trained on as many of the *test* images: it serves
    the correlation alone, no student depends on it.  Same arguments, same numbers.

    Args:
        cells: (P, f, rule): P in [2, 997], f and rule as in `kept_examples`, whose score is −|z|
            with z the probe's field.
        probe_images: how many images each probe is trained on, in [1, 400].

    Raises:
        InputError: for values out of range or repeated.
        ConvergenceError: if a student is not trained to a relative duality gap of 1e-8.
    """
    _check(cells, probe_images, seeds)
    splits = [split_images(seed) for seed in seeds]
    fields, probes = _probes(splits, probe_images, seeds)
    subsets: dict[tuple[int, bytes], int] = {}
    rows = []
    for (number, images), field in fields.items():
        pool = splits[number].pool
        for size, f, rule in cells:
            kept = pool[kept_examples(-np.abs(field[pool[:size]]), f, rule, seed=seeds[number])]
            student = subsets.setdefault((number, kept.tobytes()), len(subsets))
            rows.append((images, size, f, rule, seeds[number], student))
    sets = [np.frombuffer(text, dtype=np.int64) for _, text in subsets]
    trained = train_large_margin(*even_odd_features(), sets, progress=progress)
    errors = [
        float(wrong_side(weights, splits[number].tests).mean())
        for (number, _), weights in zip(subsets, trained.weights, strict=True)
    ]
    runs = pd.DataFrame(rows, columns=pd.Index([*KEYS, "seed", "student"]))
    runs["error"] = np.array(errors)[runs.pop("student").to_numpy(int)]
    return ProbedSweep(runs, probes)


def _probes(
    splits: Sequence[Split], probe_images: Sequence[int], seeds: Sequence[int]
) -> tuple[dict[tuple[int, int], np.ndarray], pd.DataFrame]:
    """{(number of the seed, probe images): field at every image}, and the table of probes."""
    inputs, labels = even_odd_features()
    keys = [(number, images) for images in probe_images for number in range(len(seeds))]
    own = train_large_margin(inputs, labels, [splits[i].probe[:n] for i, n in keys])
    twins = train_large_margin(inputs, labels, [splits[i].tests[:n] for i, n in keys])
    fields, rows = {}, []
    for (number, images), one, twin in zip(keys, own.weights, twins.weights, strict=True):
        pool = splits[number].pool
        fields[number, images] = inputs @ one
        wrong = int(wrong_side(one, pool).sum())
        both = field_correlation(inputs[pool] @ one, inputs[pool] @ twin)
        rows.append((images, seeds[number], wrong, len(pool), both))
    columns = ["probe_images", "seed", "wrong", "tested", "correlation"]
    return fields, pd.DataFrame(rows, columns=pd.Index(columns))


def _check(cells: Sequence[Cell], probe_images: Sequence[int], seeds: Sequence[int]) -> None:
    for size, _, _ in cells:
        check_integer("size of a cell", size, 2, LARGEST_POOL)
    for images in probe_images:
        check_integer("probe_images", images, 1, PROBE_IMAGES)
    for seed in seeds:
        check_integer("seeds", seed, 0)
    for name, values in (("cells", cells), ("probe_images", probe_images), ("seeds", seeds)):
        if not len(values) or len(set(values)) < len(values):
            raise InputError(f"{name} must be one or more distinct values, got {list(values)!r}")
