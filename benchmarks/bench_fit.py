"""Time and squared error of a utility-decay fit: ours against the random grid of 100,000 points.

The peer is the fit that the law's authors describe: parameters drawn at random from a grid, the law
evaluated at each of them and each run with arrays over the passes, the least squared error kept; no
seed.  It is written here from that description, and twice faster: with plain numbers in place of
short arrays, and with all grid points in one array.  One pool, five points, with and without noise;
the peer's steps are 1 % of each range, so that no seed can do better than that.

    python -m benchmarks fit
"""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from prunelaw.decay.utility import UtilityLaw
from prunelaw_sim.laws.utility import fit_utility

TRUTH = UtilityLaw(a=0.025, b=-0.16, tau=6.7, d=0.1)
POOL = 12.8e6
SEEN = (10e6, 32e6, 64e6, 128e6, 640e6)
POINTS = 100_000
GRID = {  # as wide as the published fits: a, b, tau, d
    "a": np.linspace(0.005, 0.1, 100),
    "b": np.linspace(-0.3, -0.01, 100),
    "tau": np.linspace(1.0, 20.0, 100),
    "d": np.linspace(0.0, 0.3, 100),
}
SEEDS = 3


def main() -> None:
    """One table for noise-free and one for noisy data."""
    for sigma in (0.0, 0.004):
        _print_case(sigma)


def table(sigma: float, seed: int = 0) -> pd.DataFrame:
    """Five runs on one pool, with normal noise."""
    error = TRUTH.error(np.array(SEEN), POOL)
    error = error + sigma * np.random.default_rng(seed).standard_normal(error.size)
    columns = {"pool": "x", "unique_samples": POOL, "samples_seen": SEEN, "error": error}
    return pd.DataFrame(columns)


def _print_case(sigma: float) -> None:
    frame = table(sigma)
    print(f"\none pool, {len(frame)} points, noise {sigma:g}; grid of {POINTS:,} random points")
    print(f"{'fit':28s} {'ms':>10s} {'times ours':>11s} {'squared error':>14s}   a, b, tau, d")
    ours, seconds = _timed(lambda: _ours(frame), repeats=20)
    _print_line("prunelaw_sim", ours, seconds, seconds)
    peers: Sequence[tuple[str, Callable]] = (
        ("grid, arrays over passes", grid_as_described),
        ("grid, plain numbers", grid_by_loop),
        ("grid, all points at once", grid_at_once),
    )
    for name, peer in peers:
        for seed in range(SEEDS if peer is grid_at_once else 1):
            found, taken = _timed(lambda p=peer, s=seed: p(frame, s), repeats=1)
            _print_line(f"{name}, seed {seed}", found, taken, seconds)
            if found[0] < ours[0] * (1.0 - 1e-9):
                raise SystemExit("the random grid found a smaller squared error")


def _ours(frame: pd.DataFrame) -> tuple[float, tuple[float, ...]]:
    fit = fit_utility(frame)
    pool = fit.pools["x"]
    return float(np.sum(fit.residuals**2)), (fit.a, pool["b"], pool["tau"], fit.d)


def _timed(work: Callable, repeats: int) -> tuple:
    result = work()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return result, min(seconds)


def _print_line(name: str, found: tuple, seconds: float, ours: float) -> None:
    values = ", ".join(f"{value:.6g}" for value in found[1])
    print(
        f"{name:28s} {1e3 * seconds:10.2f} {seconds / ours:11.1f} {found[0]:14.2e}   {values}",
        flush=True,
    )


# --- the peer -------------------------------------------------------------------------------------


def grid_as_described(frame: pd.DataFrame, seed: int) -> tuple[float, tuple[float, ...]]:
    """One grid point and one run after the other, the law with arrays over the passes."""
    return _best_of_grid(frame, seed, _law_by_arrays)


def _law_by_arrays(seen: float, a: float, b: float, tau: float, d: float) -> float:
    passes = np.arange(math.ceil(seen / POOL))
    ends = np.minimum(POOL * (passes + 1), seen)
    utility = b * 0.5 ** (passes / tau)
    growth = (ends[1:] / ends[:-1]) ** utility[1:]
    return float((a * ends[0] / 1e5) ** b * growth.prod() + d)


def grid_by_loop(frame: pd.DataFrame, seed: int) -> tuple[float, tuple[float, ...]]:
    """The same with plain numbers."""
    return _best_of_grid(frame, seed, _law)


def _best_of_grid(
    frame: pd.DataFrame, seed: int, law: Callable[..., float]
) -> tuple[float, tuple[float, ...]]:
    rows = list(zip(frame["samples_seen"].tolist(), frame["error"].tolist(), strict=True))
    best = (math.inf, (math.nan,) * 4)
    for a, b, tau, d in zip(*(column.tolist() for column in _drawn(seed)), strict=True):
        squared = sum((law(n, a, b, tau, d) - error) ** 2 for n, error in rows)
        if squared < best[0]:
            best = squared, (a, b, tau, d)
    return best


def _law(seen: float, a: float, b: float, tau: float, d: float) -> float:
    last = min(seen, POOL)
    y = (a * last / 1e5) ** b
    delta, power = 0.5 ** (1.0 / tau), b
    while last < seen:
        power *= delta
        after = min(seen, last + POOL)
        y *= (after / last) ** power
        last = after
    return y + d


def grid_at_once(frame: pd.DataFrame, seed: int) -> tuple[float, tuple[float, ...]]:
    """All grid points in one array, passes in a loop."""
    a, b, tau, d = _drawn(seed)
    delta = 0.5 ** (1.0 / tau)
    squared = np.zeros(POINTS)
    for seen, error in zip(frame["samples_seen"], frame["error"], strict=True):
        last = min(seen, POOL)
        log_y, power = b * np.log(a * last / 1e5), b
        while last < seen:
            power = power * delta
            after = min(seen, last + POOL)
            log_y = log_y + power * math.log(after / last)
            last = after
        squared += (np.exp(log_y) + d - error) ** 2
    i = int(np.argmin(squared))
    return float(squared[i]), (float(a[i]), float(b[i]), float(tau[i]), float(d[i]))


def _drawn(seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.choice(values, POINTS) for values in GRID.values()]
