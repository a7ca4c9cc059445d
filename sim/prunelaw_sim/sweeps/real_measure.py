"""Measures a unit of a real sweep: scores pools, prunes them by every rule, trains and tests.

Everything that a trial draws comes from the point's seed and the trial's number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import as_model
from prunelaw_sim.networks.recipes import as_recipe
from prunelaw_sim.networks.training import train_models
from prunelaw_sim.scores import ScoreInputs, compute_score
from prunelaw_sim.sweeps.real_cells import Cell, cell_name

SPLIT, SCORE, TIES, STUDENT = range(4)  # what a trial draws numbers for


class _Trial(NamedTuple):
    """One seed's test set, its kept sets by cell, and what its score took and told."""

    tests: Int[np.ndarray, " tests"]
    kept: Mapping[Cell, Int[np.ndarray, " kept"]]
    student_seed: int
    score_cost: float
    probe_error: float | None


def measure(point: Mapping[str, Any], seed: int, first: int, trials: int) -> dict[str, np.ndarray]:
    """Trials `first` ... `first + trials - 1` of a point: a number a trial for each of

    - "error RULE F": fraction of the test set that the model trained on this cell gets wrong;
      "classes RULE F": classes in its kept set.
    - "score_cost": samples seen by the score's trainings; "probe_error": of its probe on the pool,
      where it has one.

    Raises:
        InputError: if the data are no longer those of the design, or a kept set lacks a class that
            `absent_classes` does not allow it to lack.
        ConvergenceError: if a training diverged.
    """
    data = load_dataset(point["dataset"])
    if data.digest != point["digest"]:
        raise InputError(f"dataset {data.name} has changed since the sweep was begun")
    drawn = [_drawn(point, data, seed, trial) for trial in range(first, first + trials)]
    columns = _errors(point, data, drawn)
    for cell in drawn[0].kept:
        held = [len(np.unique(data.labels[one.kept[cell]])) for one in drawn]
        columns[cell_name("classes", cell)] = np.array(held, dtype=np.float64)
    columns["score_cost"] = np.array([one.score_cost for one in drawn])
    probes = [one.probe_error for one in drawn if one.probe_error is not None]
    return columns | ({"probe_error": np.array(probes)} if probes else {})


def _drawn(point: Mapping[str, Any], data: Dataset, seed: int, trial: int) -> _Trial:
    """The split of a trial, the scores of its pool, and what each rule keeps of it."""
    order = np.random.default_rng([seed, trial, SPLIT]).permutation(len(data))
    ends = np.cumsum([point["tests"], point["outside"], point["size"]])
    tests, outside, pool, _ = np.split(order, ends)
    score_seed, tie_seed, student_seed = (
        int(np.random.SeedSequence([seed, trial, purpose]).generate_state(1)[0])
        for purpose in (SCORE, TIES, STUDENT)
    )
    model, recipe = as_model(point["model"]), as_recipe(point["recipe"])
    found = compute_score(
        point["score"], ScoreInputs(data, pool, outside, model, recipe, score_seed)
    )
    labels = data.labels[pool]
    kept = {}
    for f, rule in point["cells"]:
        chosen = kept_examples(
            found.values, f, rule, seed=tie_seed, labels=labels, class_share=point["class_share"]
        )
        kept[f, rule] = pool[chosen]
        _check_classes(point, trial, (f, rule), len(np.unique(labels[chosen])))
    return _Trial(tests, kept, student_seed, float(found.cost_samples), found.probe_error)


def _check_classes(point: Mapping[str, Any], trial: int, cell: Cell, held: int) -> None:
    if held < point["classes"] and not point["absent_classes"]:
        raise InputError(
            f"trial {trial}: rule {cell[1]} at keep={cell[0]:g} of size={point['size']} keeps "
            f"{held} of {point['classes']} classes (class_share={point['class_share']:g}): keep "
            "more, raise class_share, or allow absent classes"
        )


def _errors(
    point: Mapping[str, Any], data: Dataset, drawn: Sequence[_Trial]
) -> dict[str, Float[np.ndarray, " trials"]]:
    """Test errors by cell; the runs of all cells that keep equally many are trained together."""
    by_count: dict[int, list[Cell]] = defaultdict(list)
    for cell, kept in drawn[0].kept.items():
        by_count[len(kept)].append(cell)
    errors = {}
    for cells in by_count.values():
        trained = train_models(
            point["model"],
            data.inputs,
            data.labels,
            data.classes,
            np.stack([one.kept[cell] for cell in cells for one in drawn]),
            [one.student_seed for _ in cells for one in drawn],
            point["recipe"],
        )
        wrong = np.empty((len(cells), len(drawn)))
        for i, one in enumerate(drawn):
            logits = trained[i :: len(drawn)].logits(data.inputs[one.tests])
            wrong[:, i] = np.mean(logits.argmax(axis=2) != data.labels[one.tests], axis=1)
        errors |= {cell_name("error", c): row for c, row in zip(cells, wrong, strict=True)}
    return errors
