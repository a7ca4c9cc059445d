"""Part 1 of verify: the exact theory of pruning against simulated students at 14 points."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import prunelaw
from prunelaw_sim.simulation.agreement import Agreement
from prunelaw_sim.simulation.result import Simulation
from prunelaw_sim.simulation.trials import simulate
from prunelaw_sim.verification.store_check import judged

Progress = Callable[[int, int], None]
WORKERS = 2  # simulations that run at a time; XLA leaves most of a second core idle


class Point(NamedTuple):
    """One point of the theory's domain; theta in radians, f the fraction kept."""

    rule: str
    theta: float
    alpha_tot: float
    f: float


# Every rule and angle, α_tot from .5 to 30.  The cost of a student grows with the examples kept,
# and each shape is compiled: α_prune = f α_tot takes the three values .32, .64 and 1.28, which are
# whole (and powers of two) at N = 50, 100 and 200; rounding would be a finite-size effect.
POINTS = (
    Point("hard", 0.0, 0.5, 0.64),
    Point("hard", 0.0, 2.56, 0.5),
    Point("hard", 0.1, 12.8, 0.1),
    Point("hard", 0.3, 1.6, 0.4),
    Point("hard", 0.3, 3.2, 0.4),
    Point("hard", 0.8, 6.4, 0.2),
    Point("hard", 0.8, 30.0, 0.64 / 30),
    Point("easy", 0.0, 1.28, 0.5),
    Point("easy", 0.1, 3.2, 0.4),
    Point("easy", 0.3, 8.0, 0.08),
    Point("easy", 0.8, 20.0, 0.064),
    Point("random", 0.0, 2.56, 0.5),
    Point("random", 0.3, 30.0, 1.28 / 30),
    Point("random", 0.8, 5.0, 0.128),
)


@dataclass(frozen=True, eq=False)
class SimulationCheck:
    """Theory and simulation at every point, the trials behind them, and the verdict.

    Attributes:
        trials: dimension N → trials a point.
        max_relative_gap: largest duality gap of all trained students.
        residual: largest residual of the theory's saddle-point equations.
        students: how many were trained.
    """

    points: tuple[Point, ...]
    trials: Mapping[int, int]
    agreement: Agreement
    max_relative_gap: float
    residual: float
    students: int

    @property
    def good(self) -> bool:
        """Whether theory and simulation agree."""
        return self.agreement.agrees


def check_simulation(
    trials: Mapping[int, int],
    seed: int,
    *,
    points: tuple[Point, ...] = POINTS,
    progress: Progress | None = None,
) -> SimulationCheck:
    """Simulate every point at every dimension N of `trials` (N → trials) and judge the theory.

    Each simulation draws from its own stream of `seed`, so that points and sizes are independent.
    Raises `InputError` for numbers out of range, `ConvergenceError` if a student or a saddle point
    could not be solved.
    """
    solution = prunelaw.solve(
        [p.alpha_tot for p in points],
        [p.f for p in points],
        [p.theta for p in points],
        [p.rule for p in points],
    )
    runs = _simulate_all(points, trials, seed, progress)
    errors = iter([run.error for run in runs])
    found = judged(
        solution.error,
        [float(dim) for dim in trials],
        [[next(errors) for _ in trials] for _ in points],
        [str(point) for point in points],
        few=False,
    )
    return SimulationCheck(
        points=points,
        trials=dict(trials),
        agreement=found,
        max_relative_gap=max(run.max_relative_gap for run in runs),
        residual=float(solution.residual.max()),
        students=sum(run.trials for run in runs),
    )


def _simulate_all(
    points: tuple[Point, ...], trials: Mapping[int, int], seed: int, progress: Progress | None
) -> list[Simulation]:
    """One simulation a point and size, points slowest; the dearest are started first."""
    jobs = [(point, dim) for point in points for dim in trials]
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(len(jobs))]
    dearest_first = sorted(range(len(jobs)), key=lambda i: -jobs[i][1])
    total, done = len(points) * sum(trials.values()), 0
    results: dict[int, Simulation] = {}

    def run(i: int) -> Simulation:
        (rule, theta, alpha_tot, f), dim = jobs[i]
        return simulate(alpha_tot, f, theta, rule, dim=dim, trials=trials[dim], seed=seeds[i])

    pool = ThreadPoolExecutor(WORKERS)
    try:
        for i, found in zip(dearest_first, pool.map(run, dearest_first), strict=True):
            results[i] = found
            done += found.trials
            if progress:
                progress(done, total)
    finally:  # on Ctrl-C, or when one fails: start no more, and do not wait for those under way
        pool.shutdown(wait=False, cancel_futures=True)
    return [results[i] for i in range(len(jobs))]
