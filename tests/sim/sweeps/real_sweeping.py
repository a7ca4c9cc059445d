"""A real sweep of seconds, on a file of blobs; run as a program it can be killed.

`python real_sweeping.py STORE DATA`
"""

import os
import sys
import time

import numpy as np

from prunelaw_sim.sweeps.real import RealDesign
from prunelaw_sim.sweeps.runner import run_sweep


def write_blobs(path):
    """Two classes in eight dimensions, one apart from the other by about their width."""
    rng = np.random.default_rng(4)
    labels = np.arange(120) % 2
    inputs = rng.normal(size=(120, 8)) + 0.8 * (2 * labels - 1)[:, None]
    np.savez(path, inputs=inputs, labels=labels)


def design(path, **options):
    given = {
        "dataset": f"npz:{path}",
        "model": "softmax",
        "score": ["margin", "random"],
        "size": [20, 40],
        "keep": [0.25, 0.5, 1.0],
        "rules": ["hard", "easy", "random", "quantiles:0.5"],
        "recipe": "epochs=3,batch_size=8",
        "tests": 30,
        "outside": 20,
        "trials": 3,
        "unit": 2,
    }
    return RealDesign.grid(**(given | options))


def slowly(point, seed, first, trials):
    time.sleep(float(os.environ.get("SECONDS_A_UNIT", "0")))
    return measure(point, seed, first, trials)


if __name__ == "__main__":
    measure = RealDesign.measure
    RealDesign.measure = staticmethod(slowly)
    run_sweep(design(sys.argv[2]), sys.argv[1])
