"""`prunelaw.solve` in batches of mixed points, and the published equations as a user would.

The peer integrates the published saddle-point equations (arXiv 2206.14486, appendix A) with
`scipy.integrate.dblquad` and solves them with `scipy.optimize.fsolve`, from a start within 5 %.
"""

import time

import numpy as np
from scipy.integrate import dblquad
from scipy.optimize import fsolve
from scipy.special import ndtr

import prunelaw

BATCH = 10_000
SIZES = (1, 10, 100, 1_000, 10_000)
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


def main() -> None:
    points = mixed_points(BATCH)
    prunelaw.solve(3.0, 0.5, 0.3)
    print(f"prunelaw.solve, batch of {BATCH} mixed points (alpha_tot 1e-3..1e6, f 1e-3..1):")
    rates = []
    for name, theta in (("theta in (0, pi/2)", points["theta"]), ("theta = 0", 0.0)):
        took, solution = seconds(
            lambda theta=theta: prunelaw.solve(**(points | {"theta": theta}), throw=False)
        )
        rate, bad = BATCH / took, int((~solution.converged).sum())
        rates.append(rate)
        print(f"  {name:20s} {rate:8.0f} points/s  {bad} not converged  "
              f"largest change between quadratures {solution.change.max():.1e}")  # fmt: skip
    print("cost per point against the size of the batch (theta > 0, hard and easy):")
    for size in SIZES:
        batch = mixed_points(size, seed=1)
        took, _ = seconds(lambda batch=batch: prunelaw.solve(**batch, throw=False))
        print(f"  {size:7d} points {1e3 * took / size:8.2f} ms a point")
    curve = np.geomspace(1e-3, 1e6, BATCH)
    took, _ = seconds(lambda: prunelaw.solve(curve, 0.3, 0.4, "hard"))
    print(f"  one learning curve   {BATCH / took:8.0f} points/s  (theta = 0.4, f = 0.3)")

    print("published equations with dblquad and fsolve, start within 5 %:")
    peer = []
    for alpha_tot, f, theta, rule in PEER_POINTS:
        exact = prunelaw.solve(alpha_tot, f, theta, rule)
        start = [float(v) * 1.05 for v in (exact.R, exact.rho, exact.kappa)]
        start[:2] = [min(value, 0.99) for value in start[:2]]
        took, error = seconds(lambda a=(alpha_tot, f, theta, start): published_solution(*a))
        peer.append(took)
        ours, _ = seconds(lambda a=(alpha_tot, f, theta, rule): prunelaw.solve(*a))
        print(f"  alpha_tot={alpha_tot:g} f={f:g} theta={theta:g} {rule}: {took:.2f} s against "
              f"{ours:.3f} s for one cold point; relative difference of the error "
              f"{abs(error / float(exact.error) - 1):.1e}")  # fmt: skip
    print(f"  a point of the batch (theta > 0) takes 1/{np.mean(peer) * rates[0]:.0f} of that")


if __name__ == "__main__":
    main()
