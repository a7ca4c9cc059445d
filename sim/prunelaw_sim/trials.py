"""Simulated students: the errors that the theory of data pruning predicts, measured.

Each trial draws data (`teacher`), prunes it, trains the max-margin student (`students`) and
reads off its error exactly from its angle to the teacher: no test set, no sampling noise but
that of the training data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw._checks import check_integer
from prunelaw.errors import ConvergenceError
from prunelaw_sim.students import GAP_LIMIT, MaxMargin, train
from prunelaw_sim.teacher import Pool, draw_rows, make_pool, most_kept, padded

MEMORY_LIMIT = 2**29  # bytes that one batch of trials may take
MAX_BATCH = 25


@dataclass(frozen=True)
class Simulation:
    """Trials at one point (alpha_tot, f, theta, rule), each with its certificate.

    Per trial: error (probability that student and teacher disagree on a new input), kappa (margin
    at |J| = 1 for inputs of unit variance), R = J.T, rho = J.J_probe, relative_gap (duality gap)
    and converged.  A trial that missed the gap is NaN in `error` and left out of `mean`.
    `kept` is round(f P): exact for rules that rank, about the mean for others.
    """

    alpha_tot: float
    f: float
    theta: float
    rule: str
    dim: int
    seed: int
    drawn: int
    kept: int
    error: Float[np.ndarray, " trials"]
    kappa: Float[np.ndarray, " trials"]
    R: Float[np.ndarray, " trials"]
    rho: Float[np.ndarray, " trials"]
    relative_gap: Float[np.ndarray, " trials"]
    converged: Bool[np.ndarray, " trials"]

    @property
    def trials(self) -> int:
        """Trials asked for."""
        return self.error.size

    @property
    def failed(self) -> int:
        """Trials without certificate, left out of every average."""
        return int(np.sum(~self.converged))

    @property
    def per_trial(self) -> dict[str, np.ndarray]:
        """What was measured in each trial, by name; shape (trials,) each."""
        names = ("error", "kappa", "R", "rho", "relative_gap", "converged")
        return {name: getattr(self, name) for name in names}

    @property
    def min_margin(self) -> Float[np.ndarray, " trials"]:
        """Smallest margin over all kept examples: kappa, as recomputed after training."""
        return self.kappa

    @property
    def max_relative_gap(self) -> float:
        """The worst duality gap, failed trials included."""
        return float(np.max(self.relative_gap))

    @property
    def mean(self) -> float:
        """Mean error over the certified trials; NaN if there is none."""
        return float(np.mean(self.error[self.converged])) if self.converged.any() else np.nan

    @property
    def stderr(self) -> float:
        """Standard error of `mean`; NaN for fewer than two certified trials."""
        certified = self.error[self.converged]
        if certified.size < 2:
            return np.nan
        return float(np.std(certified, ddof=1) / np.sqrt(certified.size))

    def to_sweep_rows(self) -> pd.DataFrame:
        """One row in the canonical columns of a sweep: the mean error and its standard error."""
        point = f"a{self.alpha_tot:g}-f{self.f:g}-t{self.theta:g}-{self.rule}"
        row = {
            "run": f"perceptron-{point}-n{self.dim}-s{self.seed}",
            "group": f"perceptron N={self.dim} theta={self.theta:g}",
            "dataset_size": self.drawn,
            "keep_fraction": self.f,
            "rule": self.rule,
            "error": self.mean,
            "error_se": self.stderr,
            "metric": "test error probability",
            "seed": self.seed,
        }
        return pd.DataFrame([row])


def simulate(
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    dim: Any = 200,
    trials: Any = 100,
    seed: Any = 0,
    first: Any = 0,
    throw: bool = True,
    progress: Callable[[int, int], None] | None = None,
    batch: Any = None,
) -> Simulation:
    """Train `trials` max-margin students on pruned data of a teacher, and measure their errors.

    P = round(alpha_tot N) examples in N = `dim` dimensions, of which round(f P) are kept by the
    field of a probe at angle theta (radians) to the teacher.  `rule` is any keep rule, as object or
    text; those of a weight w keep each example independently, so that the number kept varies, and
    need no `f` (see `teacher.draw_kept`).
    The error of a student J is angle(J, T) / pi, exactly.  Trial i depends on (seed, i) alone;
    `first` is the i of the first of them, so that a simulation can be continued.

    `batch` trials are in memory at once: by default at most 25, and as many as fit in 512 MiB at
    40 N K + 64 P bytes each (K and P padded to powers of two), rows and work space together.
    `progress(done, total)` is called after each batch.

    Raises `InputError` for arguments out of range or if no example is kept, `ConvergenceError` if
    a trial's relative duality gap is above 1e-9 (`throw=False` flags it in `converged` instead).

    Source: Sorscher et al., NeurIPS 2022, arXiv 2206.14486, section 2.
    """
    pool = make_pool(alpha_tot, f, theta, rule, dim, seed)
    trials, first = check_integer("trials", trials, 1), check_integer("first", first, 0)
    size = batch_size(trials, pool) if batch is None else check_integer("batch", batch, 1)
    students = []
    for done in range(0, trials, size):
        indices = first + np.arange(done, done + size)  # a last batch too long is cut below
        students.append(_train_trials(pool, indices))
        if progress is not None:
            progress(min(done + size, trials), trials)
    measured = _measure(students, pool.theta, trials)
    point = (float(alpha_tot), pool.f, pool.theta, pool.rule.name, pool.dim, pool.seed)
    result = Simulation(*point, pool.drawn, pool.kept, **measured)
    if throw and result.failed:
        raise ConvergenceError(_describe_failure(result))
    return result


def batch_size(trials: int, pool: Pool) -> int:
    """Trials at a time: equal batches of at most 25 that keep to the memory limit."""
    a_trial = 40 * pool.dim * most_kept(pool) + 64 * padded(pool.drawn)
    fitting = max(1, MEMORY_LIMIT // a_trial)
    batches = -(-trials // min(fitting, MAX_BATCH))
    return -(-trials // batches)


def _train_trials(pool: Pool, indices: np.ndarray) -> MaxMargin:
    return train(*draw_rows(pool, indices))


def _measure(students: list[MaxMargin], theta: float, trials: int) -> dict[str, np.ndarray]:
    """Error and overlaps of the first `trials` students; T = e1, probe in the (e1, e2) plane."""

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in students])[:trials]

    J, converged = joined("J"), joined("converged")
    R = J[:, 0]
    # atan2 keeps all digits of a small angle, where arccos(R) loses half of them.
    error = np.arctan2(np.linalg.norm(J[:, 1:], axis=1), R) / np.pi
    return {
        "error": np.where(converged, error, np.nan),
        "kappa": joined("kappa"),
        "R": R,
        "rho": np.cos(theta) * R + np.sin(theta) * J[:, 1],
        "relative_gap": joined("relative_gap"),
        "converged": converged,
    }


def _describe_failure(result: Simulation) -> str:
    worst = int(np.argmax(np.where(result.converged, -np.inf, result.relative_gap)))
    return (
        f"{result.failed} of {result.trials} trials missed the relative duality gap "
        f"{GAP_LIMIT:g}; the worst is trial {worst} with {result.relative_gap[worst]:.1e} "
        f"(alpha_tot={result.alpha_tot:g}, f={result.f:g}, theta={result.theta:g}, "
        f"rule={result.rule}, dim={result.dim}, seed={result.seed}); throw=False leaves them out"
    )
