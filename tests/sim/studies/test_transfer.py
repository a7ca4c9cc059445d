"""Transfer from one half of four classes to the other, at a tiny size."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw_sim.networks.datasets import Dataset
from prunelaw_sim.studies.transfer import KEYS, transfer_sweep
from prunelaw_sim.tables.paired_errors import PairedErrors


@pytest.fixture(scope="module")
def blobs():
    """Four classes in six dimensions: two halves that the same two directions tell apart."""
    rng = np.random.default_rng(4)
    labels = np.arange(160) % 4
    centres = np.array([[2, 0], [-2, 0], [0, 2], [0, -2]])[labels]
    inputs = rng.normal(size=(160, 6)) * 0.7
    inputs[:, :2] += centres
    return Dataset("blobs", inputs, labels)


def run(data, **options):
    given = {
        "score": "el2n", "cells": [(0.5, "hard"), (0.5, "random"), (1.0, "random")],
        "recipe": "epochs=5", "downstream": 6, "tuning": "epochs=3", "seeds": [0, 1],
    }  # fmt: skip
    return transfer_sweep(data, "mlp:8", **(given | options))


def test_every_cell_and_seed_once_and_the_same_again(blobs):
    frame = run(blobs)
    errors = PairedErrors.from_frame(frame, KEYS)
    assert len(errors) == 4 and errors.seeds == (0, 1)
    assert frame["error"].between(0, 1).all()
    kept = frame.set_index("rule")["upstream_kept"]
    assert (kept["none"] == 0).all() and (kept["hard"] > 0).all()
    again = run(blobs, cells=[(0.5, "hard")], seeds=[1])
    same = frame[(frame["seed"] == 1) & frame["rule"].isin(["hard", "none"])]
    assert sorted(same["error"]) == sorted(again["error"])


def test_wrong_questions_are_refused(blobs):
    three = Dataset("three", blobs.inputs[blobs.labels < 3], blobs.labels[blobs.labels < 3])
    with pytest.raises(InputError, match="even number of classes, 4 or more; three has 3"):
        run(three)
    with pytest.raises(InputError, match="downstream must be at most"):
        run(blobs, downstream=1000)
    with pytest.raises(InputError, match="test_share"):
        run(blobs, test_share=1.0)
