"""Does pruning upstream keep transfer?  Pretrain on some classes, pruned; fine-tune on the others.

A seed divides the classes into two halves.  A model is trained on what a rule keeps of the upstream
half; its last layer is drawn anew, and all of it is trained on a few examples of the downstream
half.  What counts is the error on downstream tests, beside that of a model that was pretrained on
all upstream examples, on random ones, or not at all (Sorscher et al. 2022, section 5 and figure 4,
do this from ImageNet to other sets).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Int

from prunelaw.checks import check_integer, check_number
from prunelaw.errors import InputError
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.networks.datasets import Dataset, load_dataset
from prunelaw_sim.networks.models import Model, Params, as_model
from prunelaw_sim.networks.recipes import Recipe, as_recipe
from prunelaw_sim.networks.training import TrainedModels, train_models
from prunelaw_sim.scores import ScoreInputs, compute_score

KEYS = ("keep_fraction", "rule")
SCRATCH = (0.0, "none")  # the cell of models that were not pretrained
SPLIT, SCORE, UPSTREAM, DOWNSTREAM = range(4)  # what a seed draws numbers for
Cell = tuple[float, str]


class _Task(NamedTuple):
    """Half of the classes, as numbers of examples of a data set whose labels are 0, 1, ..."""

    data: Dataset
    train: Int[np.ndarray, " train"]
    tests: Int[np.ndarray, " tests"]


def transfer_sweep(
    dataset: str | Dataset,
    model: str | Model,
    *,
    score: str,
    cells: Sequence[Cell],
    recipe: str | Recipe,
    downstream: int,
    tuning: str | Recipe,
    seeds: Sequence[int],
    test_share: float = 0.25,
    class_share: float = 0.5,
) -> pd.DataFrame:
    """Downstream test error after pretraining on pruned upstream data: a row a (cell, seed).

    All cells of a seed have the same first weights, the same new last layer and the same orders in
    fine-tuning.

    Args:
        dataset: as in `load_dataset`; classes an even number, 4 or more.
        model: as in `as_model`.
        score: of upstream examples, from upstream examples alone (`scores.as_score`).
        cells: (f, rule) as in `kept_examples`; f = 1 keeps all.  Row (0, "none"), a model that was
            not pretrained, is always there.
        recipe: how the models are pretrained; `tuning`: how they are fine-tuned.
        downstream: examples to fine-tune on, the same for all cells of a seed.
        test_share: part of the data that is set apart for tests, of which the downstream classes
            count.

    Returns:
        Columns keep_fraction, rule, seed, error, and upstream_kept.

    Raises:
        InputError: for values out of range.
        ConvergenceError: if a training diverged.
    """
    data, model = load_dataset(dataset), as_model(model)
    recipe, tuning = as_recipe(recipe), as_recipe(tuning)
    if data.classes < 4 or data.classes % 2:
        raise InputError(
            f"transfer needs an even number of classes, 4 or more; {data.name} has {data.classes}"
        )
    check_number("test_share", test_share, 0.0, 1.0, low_open=True, high_open=True)
    check_integer("downstream", downstream, 1)
    rows = []
    for seed in seeds:
        check_integer("seeds", seed, 0)
        up, down = _tasks(data, seed, test_share)
        if downstream > len(down.train):
            raise InputError(
                f"downstream must be at most {len(down.train)}, the examples of its classes "
                f"beside the tests; got {downstream}"
            )
        values = _scored(up, score, model, recipe, seed)
        for cell in [SCRATCH, *cells]:
            start, kept = None, 0
            if cell != SCRATCH:
                labels = up.data.labels[up.train]
                chosen = kept_examples(
                    values, *cell, seed=seed, labels=labels, class_share=class_share
                )
                drawn = _draws(seed, UPSTREAM)
                start = _trained(up.data, up.train[chosen], model, recipe, drawn, None).params
                kept = len(chosen)
            error = _tuned(down, down.train[:downstream], model, tuning, seed, start)
            rows.append((*cell, seed, error, kept))
    names = [*KEYS, "seed", "error", "upstream_kept"]
    return pd.DataFrame(rows, columns=pd.Index(names))


def _tasks(data: Dataset, seed: int, test_share: float) -> tuple[_Task, _Task]:
    """Upstream and downstream: halves of the classes in a random order, each with its own tests."""
    rng = np.random.default_rng([seed, SPLIT])
    classes, order = rng.permutation(data.classes), rng.permutation(len(data))
    is_test = np.zeros(len(data), dtype=bool)
    is_test[order[: round(test_share * len(data))]] = True
    tasks = []
    for half in np.split(classes, 2):
        rank = np.full(data.classes, -1)
        rank[half] = np.arange(len(half))
        members = order[rank[data.labels[order]] >= 0]
        part = Dataset(f"half of {data.name}", data.inputs[members], rank[data.labels[members]])
        places, tested = np.arange(len(members)), is_test[members]
        tasks.append(_Task(part, places[~tested], places[tested]))
    return tasks[0], tasks[1]


def _draws(seed: int, purpose: int) -> int:
    return int(np.random.SeedSequence([seed, purpose]).generate_state(1)[0])


def _scored(up: _Task, score: str, model: Model, recipe: Recipe, seed: int) -> np.ndarray:
    inputs = ScoreInputs(up.data, up.train, up.train[:0], model, recipe, _draws(seed, SCORE))
    return compute_score(score, inputs).values


def _trained(
    data: Dataset, kept: np.ndarray, model: Model, recipe: Recipe, drawn: int, start: Params | None
) -> TrainedModels:
    return train_models(
        model, data.inputs, data.labels, data.classes, kept[np.newaxis], [drawn], recipe,
        start=start,
    )  # fmt: skip


def _tuned(
    down: _Task, kept: np.ndarray, model: Model, tuning: Recipe, seed: int, start: Params | None
) -> float:
    """Test error after fine-tuning; the last layer is the one that the seed draws anyway."""
    data, drawn = down.data, _draws(seed, DOWNSTREAM)
    if start is not None:
        fresh = model.init(np.random.default_rng(drawn), data.shape, data.classes)
        start = (*start[:-1], tuple(part[np.newaxis] for part in fresh[-1]))
    logits = _trained(data, kept, model, tuning, drawn, start).logits(data.inputs[down.tests])[0]
    return float(np.mean(logits.argmax(axis=1) != data.labels[down.tests]))
