"""Prints the table of docs/experiments.md: experiments at one point, continued to N -> infinity.

    python docs/make_experiments.py

A minute and a half on two cores.  A line in 1/N through N = 40, 80 and 160, students of one
size being independent of those of another; standard errors are the fit's.
"""

import numpy as np

from prunelaw_sim import compare, simulate
from prunelaw_sim.simulation.agreement import extrapolate

SIZES, TRIALS = (40, 80, 160), (600, 400, 400)
TILTED = {"theta": 0.3}
EXPERIMENTS = (
    {**TILTED},
    {**TILTED, "inputs": "signs"},
    {**TILTED, "inputs": "student-t:5"},
    {**TILTED, "inputs": "correlated:0.3"},
    {**TILTED, "inputs": "correlated:0.9"},
    {"probe": "independent:2"},
    {"probe": "independent:2", "inputs": "signs"},
    {"probe": "same:2"},
    {"probe": "same"},
    {"probe": "same", "rule": "easy"},
    {**TILTED, "student": "ridge:0.01"},
    {**TILTED, "student": "ridge:0.01", "inputs": "signs"},
    {**TILTED, "student": "ridge:0.01", "label_noise": 0.1},
    {**TILTED, "student": "logistic:1e-06"},
    {**TILTED, "student": "logistic:0.01"},
    {**TILTED, "student": "logistic:0.01", "label_noise": 0.1},
)


def main() -> None:
    """One row an experiment; angles over pi, so that they are errors of the probe."""
    print("| experiment | θ/π measured | θ/π theory | ε measured | ε theory | apart |")
    print("|---|---|---|---|---|---|")
    for experiment in EXPERIMENTS:
        print(row(experiment), flush=True)


def row(experiment: dict) -> str:
    """One line of the table."""
    runs = [
        simulate(3, 0.5, dim=dim, trials=trials, seed=dim, **experiment)
        for dim, trials in zip(SIZES, TRIALS, strict=True)
    ]
    found = compare(runs[-1])
    name = ", ".join(f"{key} {value}" for key, value in experiment.items() if key != "theta")
    error, spread = limit([run.mean for run in runs], [run.stderr for run in runs])
    angle = "given"
    if runs[0].probe != "given":
        angles = [run.theta_mean / np.pi for run in runs]
        angle = shown(*limit(angles, [run.theta_stderr / np.pi for run in runs]))
    apart = f"{(error - found.theory_error) / spread:+.1f} σ"
    theory = f"{found.theory_error:.4f}" if found.theory else "none"
    cells = (
        name or "as in the theory", angle, f"{found.expected_theta / np.pi:.4f}",
        shown(error, spread), theory, apart if found.theory else "–",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def limit(means: list[float], errors: list[float]) -> tuple[float, float]:
    """Value at 1/N = 0 of a straight line, and its standard error."""
    found = extrapolate(SIZES, [means], [errors], order=1)
    return float(found.value[0]), float(found.stderr[0])


def shown(value: float, spread: float) -> str:
    """`0.2459 ± 0.0012`."""
    return f"{value:.4f} ± {spread:.4f}"


if __name__ == "__main__":
    main()
