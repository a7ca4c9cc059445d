"""A sweep whose units take no time: what is tested is the store, not the students.

Run as a program it is a process that can be killed: `python sweeping.py STORE`.
"""

import itertools
import os
import signal
import sys
import time

import numpy as np

from prunelaw_sim.sweeps import runner
from prunelaw_sim.sweeps.simulated import Design

DESIGN = Design.grid(
    alpha_tot=[1.0, 2.0, 3.0], f=[0.2, 0.5], theta=0.3, rule=["hard", "easy"], dim=20,
    trials=50, unit=5, seed=3,
)  # fmt: skip


CALLS = itertools.count()


def cheap(point, seed, first, trials):
    """The columns of a simulation, from the seed and the trials' numbers alone."""
    draws = [np.random.default_rng([seed, i]).random(4) for i in range(first, first + trials)]
    error, kappa, R, rho = np.transpose(draws)
    good = np.ones(trials)
    return {
        "error": error, "kappa": kappa, "R": R, "rho": rho,
        "relative_gap": 0 * good, "converged": good,
    }  # fmt: skip


def slow(point, seed, first, trials):
    """The same in the time that the environment asks for, noting that it was measured."""
    if next(CALLS) == int(os.environ.get("HANG_AT", "-1")):
        time.sleep(600)
    time.sleep(float(os.environ.get("SECONDS_A_UNIT", "0")))
    if log := os.environ.get("UNIT_LOG"):
        with open(log, "a") as file:
            file.write(f"{seed} {first}\n")
    return cheap(point, seed, first, trials)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    Design.measure = staticmethod(slow)
    try:
        runner.run_sweep(DESIGN, sys.argv[1])
    except KeyboardInterrupt:
        sys.exit(130)
