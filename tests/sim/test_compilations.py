"""How many programs JAX compiles: one for each dimension, whatever is drawn, kept or asked."""

import subprocess
import sys

PROGRAM = """
import jax, numpy as np
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **more: compiled.append(event) if "to_mlir_module" in event else None
)
from prunelaw_sim import max_margin, simulate
for dim in (20, 25):
    for alpha_tot in (1.0, 2.0, 3.0):
        for rule in ("hard", "easy"):
            simulate(alpha_tot=alpha_tot, f=0.5, theta=0.3, rule=rule, dim=dim, trials=4, seed=1)
print(len(compiled))
rows = np.random.default_rng(0).normal(size=(60, 30))
for examples, dim in ((20, 30), (40, 25), (60, 17)):
    max_margin(rows[:examples, :dim] + 1.0)
print(len(compiled))
"""


def test_programs_are_few():
    """Two dimensions, two programs; three matrices padded to one shape, one more."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "3"]
