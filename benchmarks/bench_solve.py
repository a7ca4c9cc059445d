"""`prunelaw.solve` in batches of mixed points, and the published equations as a user would.

The peer integrates the published saddle-point equations (arXiv 2206.14486, appendix A) with
`scipy.integrate.dblquad` and solves them with `scipy.optimize.fsolve`, from a start within 2 %.

    python -m benchmarks.bench_solve            a few minutes
    python -m benchmarks.bench_solve --million  the cost curve to 10^6 points at theta > 0, too
"""

import resource
import sys
import time
from concurrent.futures import Executor
from contextlib import contextmanager

import numpy as np
from scipy.integrate import dblquad
from scipy.optimize import fsolve
from scipy.special import erfc, ndtr, owens_t

import prunelaw
from prunelaw.perceptron import closed_form, moments, saddle
from prunelaw_figures.terminal.output import worker_processes
from prunelaw_sim.common.threads import cores

BATCH = 10_000
SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
# alpha_tot, f, theta, rule; points of the peer, which is too slow for a batch.
PEER_POINTS = [(3.0, 0.5, 0.3, "hard"), (10.0, 0.3, 0.2, "hard"), (30.0, 0.2, 0.5, "hard")]


def mixed_points(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Points over the whole domain: log-uniform α_tot and f, uniform θ, hard and easy."""
    rng = np.random.default_rng(seed)
    return {
        "alpha_tot": 10 ** rng.uniform(-3, 6, n),
        "f": 10 ** rng.uniform(-3, 0, n),
        "theta": rng.uniform(0, np.pi / 2, n),
        "rule": rng.choice(["hard", "easy"], n),
    }


def published_solution(alpha_tot, f, theta, start) -> float:
    """ε from the three published equations for keep-hard, by nested adaptive quadrature."""
    gamma = float(prunelaw.threshold("hard", f))
    alpha, c, s = alpha_tot * f, np.cos(theta), np.sin(theta)

    def density(z):
        return np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / f

    def equations(unknown):
        R, rho, kappa = unknown
        lam = np.sqrt(s * s - R * R - rho * rho + 2 * rho * R * c)
        root = np.sqrt(1 - rho * rho)

        def spread(t, z):
            delta = z * z * (rho * rho + c * c - 2 * rho * R * c)
            return np.exp(-(delta + 2 * t * z * (R * c - rho) + t * t * s * s) / (2 * lam * lam))

        def labelled(t, z):
            lean = z * (rho * R - c) - t * (R - rho * c)
            gauss = np.exp(-((t - rho * z) ** 2) / (2 * root * root)) / (np.sqrt(2 * np.pi) * root)
            return gauss * ndtr(-lean / (root * lam))

        def average(inner):
            value = dblquad(
                lambda t, z: density(z) * inner(t, z) * (kappa - t), -gamma, gamma, -12, kappa
            )
            return value[0]

        first = alpha / (np.pi * lam) * average(spread)
        second = 2 * alpha * average(lambda t, z: labelled(t, z) * (kappa - t))
        third = (
            2
            * alpha
            * average(
                lambda t, z: (
                    labelled(t, z) * (z - rho * t) / root**2
                    + spread(t, z) / (2 * np.pi * lam) * (rho * R - c) / root**2
                )
            )
        )
        return [
            (R - rho * c) / s**2 - first,
            1 - (rho**2 + R**2 - 2 * rho * R * c) / s**2 - second,
            (rho - R * c) / s**2 - third,
        ]

    R = fsolve(equations, start, xtol=1e-10)[0]
    return float(np.arccos(R) / np.pi)


def seconds(function) -> tuple[float, object]:
    begin = time.perf_counter()
    value = function()
    return time.perf_counter() - begin, value


@contextmanager
def counted():
    """Counts nodes of both kinds and Newton evaluations of points solved in this process."""
    counts = {"closed": 0, "quadrature": 0, "evaluations": 0}
    four, inner, system = closed_form._four, moments._inner_sums, saddle.newton_system

    def count_four(z, *rest):
        counts["closed"] += z.size
        return four(z, *rest)

    def count_inner(rows, order):
        counts["quadrature"] += len(rows.owner) * order
        return inner(rows, order)

    def count_system(problem, *rest):
        counts["evaluations"] += len(problem.alpha)
        return system(problem, *rest)

    closed_form._four, moments._inner_sums = count_four, count_inner
    saddle.newton_system = count_system
    try:
        yield counts
    finally:
        closed_form._four, moments._inner_sums = four, inner
        saddle.newton_system = system


def nanoseconds_of_special_functions() -> dict[str, float]:
    """What one node of each kind cannot do without, in cache: the arithmetic limit here."""
    x = np.linspace(-4.0, 4.0, 8192)
    y = x[::-1].copy()

    def each(function) -> float:
        function()
        return min(seconds(function)[0] for _ in range(50)) / x.size * 1e9

    one_erfc, one_exp = each(lambda: erfc(x)), each(lambda: np.exp(-x * x))
    return {
        "closed": 4 * one_erfc + 3 * one_exp + 2 * each(lambda: owens_t(x, y)),
        "quadrature": one_erfc + 2 * one_exp,
    }


def batches(executor: Executor | None) -> dict[str, float]:
    """Points a second of the mixed batch, in one process and shared among all cores."""
    points = mixed_points(BATCH)
    print(f"prunelaw.solve, batch of {BATCH} mixed points (alpha_tot 1e-3..1e6, f 1e-3..1, "
          "hard and easy):")  # fmt: skip
    rates = {}
    for name, theta in (("theta in (0, pi/2)", points["theta"]), ("theta = 0", 0.0)):
        mixed = points | {"theta": theta}
        alone, solution = seconds(lambda mixed=mixed: prunelaw.solve(**mixed, throw=False))
        shared, _ = seconds(
            lambda mixed=mixed: prunelaw.solve(**mixed, throw=False, executor=executor)
        )
        rates[name] = BATCH / shared
        print(f"  {name:20s} {BATCH / alone:8.0f} points/s in one process, {BATCH / shared:8.0f} "
              f"in {cores()}; {int((~solution.converged).sum())} not converged, largest change "
              f"between quadratures {solution.change.max():.1e}")  # fmt: skip
    return rates


def work_done() -> None:
    """Nodes and Newton evaluations per solve, and the distance from the arithmetic limit."""
    points = mixed_points(BATCH)
    with counted() as counts:
        took, _ = seconds(lambda: prunelaw.solve(**points, throw=False))
    limit = nanoseconds_of_special_functions()
    needed = sum(counts[kind] * limit[kind] for kind in limit) * 1e-9
    print(
        "per solve at theta > 0: "
        f"{counts['evaluations'] / BATCH:.1f} Newton evaluations, {counts['closed'] / BATCH:.0f} "
        f"nodes in closed form ({limit['closed']:.0f} ns of special functions each), "
        f"{counts['quadrature'] / BATCH:.0f} of quadrature ({limit['quadrature']:.0f} ns each)"
    )
    print(
        f"  special functions alone would take {1e6 * needed / BATCH:.0f} of the "
        f"{1e6 * took / BATCH:.0f} us a point: {100 * needed / took:.0f} %"
    )


def cost_curve(executor: Executor | None, million: bool) -> None:
    """Time a point against the size of the batch; the last sizes are shared among the cores."""
    print("cost per point against the size of the batch (hard and easy, mixed):")
    for size in (*SIZES, 1_000_000):
        batch = mixed_points(size, seed=1)
        pool = executor if size >= BATCH else None
        line = f"  {size:8d} points"
        for theta, name in ((batch["theta"], "theta > 0"), (0.0, "theta = 0")):
            if size == 1_000_000 and name == "theta > 0" and not million:
                continue
            mixed = batch | {"theta": theta}
            took, _ = seconds(
                lambda mixed=mixed, pool=pool: prunelaw.solve(**mixed, throw=False, executor=pool)
            )
            line += f"   {name} {1e3 * took / size:8.3f} ms"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{line}   peak memory of this process so far {peak:.0f} MB")
    curve = np.geomspace(1e-3, 1e6, BATCH)
    took, _ = seconds(lambda: prunelaw.solve(curve, 0.3, 0.4, "hard"))
    print(f"  one learning curve {BATCH / took:8.0f} points/s in one process (theta .4, f .3)")


def against_the_peer(rate: float) -> None:
    """The published equations, one point at a time."""
    print("published equations with dblquad and fsolve, start within 2 %:")
    peer = []
    for alpha_tot, f, theta, rule in PEER_POINTS:
        exact = prunelaw.solve(alpha_tot, f, theta, rule)
        R, rho = (float(np.cos(1.02 * np.arccos(v))) for v in (exact.R, exact.rho))
        start = [R, rho, 1.02 * float(exact.kappa)]
        took, error = seconds(lambda a=(alpha_tot, f, theta, start): published_solution(*a))
        peer.append(took)
        ours, _ = seconds(lambda a=(alpha_tot, f, theta, rule): prunelaw.solve(*a))
        print(f"  alpha_tot={alpha_tot:g} f={f:g} theta={theta:g} {rule}: {took:.2f} s against "
              f"{ours:.3f} s for one point alone; relative difference of the error "
              f"{abs(error / float(exact.error) - 1):.1e}")  # fmt: skip
    print(f"  a point of the batch (theta > 0) takes 1/{np.mean(peer) * rate:.0f} of that")


def main(arguments: tuple[str, ...] = ()) -> None:
    prunelaw.solve(3.0, 0.5, 0.3)
    with worker_processes(cores()) as executor:
        prunelaw.solve(**mixed_points(BATCH, seed=2), throw=False, executor=executor)  # workers up
        rates = batches(executor)
        work_done()
        against_the_peer(rates["theta in (0, pi/2)"])
        cost_curve(executor, "--million" in arguments)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
