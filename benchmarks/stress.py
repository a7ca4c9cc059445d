"""`prunelaw.solve` at random points of the whole domain, every rule, checked independently.

    python -m benchmarks.stress            100,000 points: about a quarter of an hour on two cores
    python -m benchmarks.stress --points N

α_tot log-uniform in 1e-3…1e6, f in 1e-4…1, θ uniform in 0…π/2 and 0 at one point in ten.  Every
answer is put into the saddle-point equations on a quadrature of positive terms with twice the
nodes of the finest one that a usual solve takes; the Newton step that they ask for is the error.
"""

import argparse
import sys
import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from prunelaw.keep import Band, Mixture, Piecewise, SignedBand, as_rule
from prunelaw.perceptron.panels import Resolution
from prunelaw.perceptron.saddle import newton_steps, newton_system
from prunelaw.perceptron.solver import solved_points
from prunelaw_figures.terminal.output import worker_processes
from prunelaw_sim.common.threads import cores

RULES = ("hard", "easy", "random", "signed-hard", "signed-easy",
         "mixture", "band", "signed-band", "piecewise")  # fmt: skip
PART = 1_260  # points of one task
DOUBLED = Resolution(outer=24, inner=72, width=1.0)
LARGEST_ERROR = 1e-10  # relative, of ε


class Found(NamedTuple):
    """One rule's points of one task: how many, what failed, what is wrong, the largest error."""

    rule: str
    points: int
    failed: list[str]
    wrong: list[str]
    error: float


def drawn_rule(name: str, rng: np.random.Generator) -> tuple[Any, bool]:
    """A rule of that kind, and whether it has a fraction of its own."""
    if name in ("band", "signed-band"):
        low = float(rng.uniform(0.0, 2.5))
        kind = Band if name == "band" else SignedBand
        return kind(low, low + float(10 ** rng.uniform(-3.0, 0.5))), True
    if name == "mixture":
        return Mixture(float(rng.uniform(0.05, 0.95)), as_rule(rng.choice(["hard", "easy"]))), False
    if name == "piecewise":
        edges = np.concatenate([[0.0], np.sort(rng.uniform(0.0, 3.0, 3))]).tolist()
        of = str(rng.choice(["abs", "z", "margin"]))
        return Piecewise(edges, rng.uniform(0.0, 1.0, 3).tolist(), of), True
    return as_rule(name), False


def checked_points(seed: int, part: int = PART) -> list[Found]:
    """`part` points, shared among the rules."""
    rng = np.random.default_rng(seed)
    return [_checked(name, rng, part // len(RULES)) for name in RULES]


def _checked(name: str, rng: np.random.Generator, n: int) -> Found:
    alpha, f = 10 ** rng.uniform(-3, 6, n), 10 ** rng.uniform(-4, 0, n)
    theta = rng.uniform(0.0, 0.5 * np.pi, n)
    theta[: n // 10] = 0.0
    rule, own = drawn_rule(name, rng)
    batch = solved_points(alpha, None if own else f, theta, rule, throw=False)

    def described(i: int) -> str:
        return f"{rule} alpha_tot={alpha[i]!r} f={batch.solution.f[i]!r} theta={theta[i]!r}"

    failed = [described(i) for i in np.flatnonzero(~batch.solution.converged)]
    wrong, largest = [], 0.0
    for solved in (part.good() for part in batch.parts):
        if not len(solved.index):
            continue
        steps = newton_steps(*newton_system(solved.problem, solved.state, DOUBLED))[:, 0]
        error = np.nan_to_num(np.abs(steps), nan=np.inf)  # of log ε
        largest = max(largest, float(error.max()))
        wrong += [described(solved.index[k]) for k in np.flatnonzero(error > LARGEST_ERROR)]
    return Found(name, n, failed, wrong, largest)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tasks = -(-options.points // PART)
    points, failed, wrong, largest = Counter(), Counter(), Counter(), Counter()
    begin = time.perf_counter()
    with worker_processes(cores()) as pool:
        seeds = range(options.seed, options.seed + tasks)
        results = map(checked_points, seeds) if pool is None else pool.map(checked_points, seeds)
        for done, found in enumerate(results, start=1):
            for one in found:
                points[one.rule] += one.points
                failed[one.rule] += len(one.failed)
                wrong[one.rule] += len(one.wrong)
                largest[one.rule] = max(largest[one.rule], one.error)
                for text in one.failed:
                    print(f"\rnot solved (flagged): {text}")
                for text in one.wrong:
                    print(f"\rWRONG: {text}")
            print(f"\r{done} of {tasks} parts, {time.perf_counter() - begin:.0f} s",
                  end="", file=sys.stderr)  # fmt: skip
    print(f"\n{'rule':12s} {'points':>8s} {'flagged':>8s} {'wrong':>6s}  largest error of log ε")
    for rule in RULES:
        print(
            f"{rule:12s} {points[rule]:8d} {failed[rule]:8d} {wrong[rule]:6d}  {largest[rule]:.1e}"
        )
    return 1 if sum(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
