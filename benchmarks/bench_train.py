"""Time per trained max-margin student: our trainer and five peers, throughput on all cores.

Every trainer gets the same matrices of label times input (f = .5, theta = .3, keep hard).  Ours
trains a batch in one process; a peer trains one student after the other in one process a core, each
with one thread.  The gap reached is measured the same way for all: from the direction returned,
against the certified upper bound on the margin.  Compilation and starts are not counted.

    python -m benchmarks train                       all sizes, about ten minutes
    python -m benchmarks.bench_train 200x400 500x1000
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np

from prunelaw_sim.common.threads import cores
from prunelaw_sim.simulation.teacher import draw_kept
from prunelaw_sim.students.hard_margin import max_margin

SIZES = ((200, 400), (200, 2000), (500, 1000), (1000, 2000))
FLOPS_OF_OURS = 3e11  # of the students that we and the fast peers train; at least four
SLOW = 2  # students that the slow peers train
TOLERANCE = 1e-9
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Timing(NamedTuple):
    """One line of the table: seconds per student and the worst relative gap."""

    trainer: str
    students: int
    seconds: float
    gap: float


class Peer(NamedTuple):
    """A trainer to compare with: from a matrix of rows to a direction."""

    name: str
    train: Callable[[np.ndarray], np.ndarray]
    slow: bool
    target: float  # how many times faster than it we want to be


def main(sizes: Sequence[tuple[int, int]] = SIZES) -> None:
    """Print a table for each size (N, K)."""
    rates = {kind: matmul_rate(np.dtype(kind)) for kind in ("float64", "float32")}
    shown = ", ".join(f"{rate / 1e9:.0f} GF/s in {kind}" for kind, rate in rates.items())
    print(f"\nmax-margin students, throughput on {cores()} cores; matrix products: {shown}")
    for dim, kept in sizes:
        _print_size(dim, kept, rates["float64"])


def _print_size(dim: int, kept: int, rate: float) -> None:
    matrices = _draw(dim, kept, _many(dim, kept))
    ours, steps = time_ours(matrices)
    share = steps * step_flops(dim, kept) / ours.seconds / rate
    print(
        f"\nN = {dim}, K = {kept}: {steps:.1f} steps a student, {share:.0%} of the rate of float64"
    )
    print(f"{'trainer':24s} {'students':>8s} {'ms/student':>11s} {'gap':>9s} {'times ours':>11s}")
    _print_line(ours, ours, 1.0)
    bounds = max_margin(matrices).upper_bound
    for peer in PEERS:
        count = min(SLOW, len(matrices)) if peer.slow else len(matrices)
        _print_line(time_peer(peer, dim, kept, bounds[:count]), ours, peer.target)


def _print_line(line: Timing, ours: Timing, target: float) -> None:
    ratio = line.seconds / ours.seconds
    wanted = f"  (target {target:g})" if line is not ours else ""
    print(
        f"{line.trainer:24s} {line.students:8d} {1e3 * line.seconds:11.2f} {line.gap:9.1e} "
        f"{ratio:11.2f}{wanted}",
        flush=True,
    )


def step_flops(dim: int, kept: int) -> float:
    """Of one interior-point step on all rows: half of A D A^T, and a Cholesky factor."""
    return kept * dim**2 + dim**3 / 3


def matmul_rate(kind: np.dtype, size: int = 1500) -> float:
    """Floating-point operations a second of one large product on all cores, the best of five."""
    one = np.ones((size, size), kind)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        one @ one
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds)


def time_ours(matrices: np.ndarray) -> tuple[Timing, float]:
    """The best of four calls after one that compiles; also the mean number of steps."""
    result = max_margin(matrices)
    seconds = []
    for _ in range(4):
        begin = time.perf_counter()
        result = max_margin(matrices)
        seconds.append(time.perf_counter() - begin)
    gap, steps = float(result.relative_gap.max()), float(result.iterations.mean())
    return Timing("prunelaw_sim", len(matrices), min(seconds) / len(matrices), gap), steps


def time_peer(peer: Peer, dim: int, kept: int, bounds: np.ndarray) -> Timing:
    """All students of one peer in a process a core, after every process trained one."""
    tasks = [(peer.name, dim, kept, trial) for trial in range(len(bounds))]
    with _one_thread_each(), ProcessPoolExecutor(cores(), get_context("spawn")) as pool:
        list(pool.map(_train_one, tasks[:1] * cores()))
        rounds = []
        for _ in range(1 if peer.slow else 4):
            begin = time.perf_counter()
            found = list(pool.map(_train_one, tasks))
            rounds.append(time.perf_counter() - begin)
    margins = [
        (X @ w).min() / np.linalg.norm(w)
        for X, w in zip(_draw(dim, kept, len(bounds)), found, strict=True)
    ]
    gap = np.max(1 - (np.maximum(margins, 0) / bounds) ** 2)
    return Timing(peer.name, len(bounds), min(rounds) / len(bounds), float(gap))


class _one_thread_each:
    """Environment in which worker processes start with one thread each."""

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in (*ONE_THREAD, "XLA_FLAGS")}
        os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _many(dim: int, kept: int) -> int:
    return int(np.clip(FLOPS_OF_OURS / (20 * step_flops(dim, kept)), 4, 40))


@lru_cache(maxsize=1)
def _draw(dim: int, kept: int, count: int) -> np.ndarray:
    return np.stack([_matrix(dim, kept, trial) for trial in range(count)])


@lru_cache(maxsize=64)
def _matrix(dim: int, kept: int, trial: int) -> np.ndarray:
    return draw_kept(2 * kept / dim, 0.5, 0.3, dim=dim, trial=trial)


def _train_one(task: tuple[str, int, int, int]) -> np.ndarray:
    name, *matrix = task
    peer = next(peer for peer in PEERS if peer.name == name)
    return peer.train(_matrix(*matrix))


# --- the peers: min |w|^2/2 with X w >= 1 ---------------------------------------------------------


def train_piqp(X: np.ndarray) -> np.ndarray:
    """PIQP's dense interior point."""
    import piqp

    solver = piqp.DenseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = TOLERANCE
    solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = TOLERANCE
    rows, dim = X.shape
    solver.setup(np.eye(dim), np.zeros(dim), None, None, X, np.ones(rows), None, None, None)
    solver.solve()
    return solver.result.x


def train_qpax(X: np.ndarray) -> np.ndarray:
    """qpax, a dense interior point in JAX."""
    import jax

    with jax.enable_x64(True):
        import jax.numpy as jnp
        import qpax

        rows, dim = X.shape
        none = jnp.zeros((0, dim)), jnp.zeros(0)
        solution = _qpax(qpax)(
            jnp.eye(dim), jnp.zeros(dim), *none, jnp.asarray(-X), -jnp.ones(rows)
        )
        return np.asarray(solution[0])


@lru_cache(maxsize=1)
def _qpax(qpax: Any) -> Callable[..., Any]:
    import jax

    return jax.jit(lambda *problem: qpax.solve_qp(*problem, solver_tol=TOLERANCE))


def train_clarabel(X: np.ndarray) -> np.ndarray:
    """Clarabel, a sparse interior point: its KKT matrix is as dense as X."""
    import clarabel
    from scipy import sparse

    rows, dim = X.shape
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    cones = [clarabel.NonnegativeConeT(rows)]
    problem = (sparse.identity(dim, format="csc"), np.zeros(dim), sparse.csc_matrix(-X))
    solver = clarabel.DefaultSolver(*problem, -np.ones(rows), cones, settings)
    return np.asarray(solver.solve().x)


def train_svc(X: np.ndarray) -> np.ndarray:
    """libsvm, hard margin as C = 1e6; it fits an intercept, which mirrored data force to zero.

    Where it does not end in minutes it is stopped: its gap tells.
    """
    from sklearn.svm import SVC

    mirrored = np.concatenate([X, -X])
    labels = np.repeat([1, -1], len(X))
    svc = SVC(kernel="linear", C=1e6, cache_size=1000, tol=1e-6, max_iter=10**7)
    return svc.fit(mirrored, labels).coef_[0]


def train_linear_svc(X: np.ndarray) -> np.ndarray:
    """liblinear's dual coordinate descent, without intercept; C exceeds every multiplier.

    Stopped as libsvm is.
    """
    from sklearn.svm import LinearSVC

    labels = np.resize([1, -1], len(X))
    svc = LinearSVC(loss="hinge", fit_intercept=False, C=1e3, tol=TOLERANCE, max_iter=300_000)
    return svc.fit(labels[:, None] * X, labels).coef_[0]


PEERS = (
    Peer("PIQP dense", train_piqp, slow=False, target=1),
    Peer("qpax", train_qpax, slow=True, target=10),
    Peer("Clarabel", train_clarabel, slow=True, target=20),
    Peer("scikit-learn SVC", train_svc, slow=True, target=50),
    Peer("scikit-learn LinearSVC", train_linear_svc, slow=True, target=1),
)


if __name__ == "__main__":
    asked = [tuple(int(part) for part in size.split("x")) for size in sys.argv[1:]]
    main(asked or SIZES)
