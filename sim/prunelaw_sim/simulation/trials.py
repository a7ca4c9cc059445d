"""Simulated students: the errors that the theory of data pruning predicts, measured.

Each trial draws data and prunes it (`batches`), trains a student (`students.catalogue`) and reads
its error off its angle to the teacher (`overlaps`): no test set, no sampling noise but that of the
training data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw.checks import check_integer
from prunelaw.errors import ConvergenceError
from prunelaw_sim.common.statistics import standard_error
from prunelaw_sim.common.text_forms import CHOICES, SIMULATED
from prunelaw_sim.simulation.batches import batch_size, draw_batch
from prunelaw_sim.simulation.point import Point, make_point
from prunelaw_sim.simulation.teacher import most_kept
from prunelaw_sim.students.base import GAP_LIMIT, Student
from prunelaw_sim.students.registry import as_student

PER_TRIAL = ("error", "kappa", "R", "rho", "relative_gap", "converged")


@dataclass(frozen=True)
class Simulation:
    """Trials at one point (alpha_tot, f, theta, rule), each with its certificate.

    Attributes:
        theta: the angle asked for; with a trained probe what the theory expects, pi eps(ALPHA).
        drawn: examples P.
        kept: f P, halves up: exact for rules that rank, about the mean for others.
        error: a trial's probability that student and teacher disagree on a new input; NaN without
            certificate, and left out of `mean`.
        kappa: margin at |J| = 1 for inputs of unit variance, as recomputed after training.
        R, rho: J.T and J.J_probe.
        relative_gap: proven, of student or trained probe, whichever is larger.
        converged: whether the gap is at most 1e-9.
        probe_theta: the probe's angle, radians.
        student, inputs, probe: canonical texts.
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
    probe_theta: Float[np.ndarray, " trials"]
    student: str = "max-margin"
    inputs: str = "gaussian"
    probe: str = "given"
    label_noise: float = 0.0

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
        """What was measured in each trial, by name; shape (trials,) each.

        The probe's angle is among them where it was measured and not given.
        """
        names = PER_TRIAL if self.probe == "given" else (*PER_TRIAL, "probe_theta")
        return {name: getattr(self, name) for name in names}

    @property
    def theta_mean(self) -> float:
        """Mean angle of the certified trials' probes, radians: theta itself where it was given."""
        if self.probe == "given":
            return self.theta
        return float(np.mean(self.probe_theta[self.converged])) if self.converged.any() else np.nan

    @property
    def theta_stderr(self) -> float:
        """Standard error of `theta_mean`; 0 where theta was given."""
        if self.probe == "given":
            return 0.0
        return standard_error(self.probe_theta[self.converged])

    @property
    def changed(self) -> dict[str, Any]:
        """Student, inputs, probe and label noise, those that are not at their usual value."""
        chosen = {name: getattr(self, name) for name in CHOICES}
        return {name: value for name, value in chosen.items() if value != CHOICES[name]}

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
        return standard_error(self.error[self.converged])

    def to_sweep_rows(self) -> pd.DataFrame:
        """One row in the canonical columns of a sweep: the mean error and its standard error."""
        point = f"a{self.alpha_tot:g}-f{self.f:g}-t{self.theta_mean:g}-{self.rule}"
        extra = "".join(f" {name}={value}" for name, value in self.changed.items())
        row = {
            "run": f"perceptron-{point}-n{self.dim}-s{self.seed}{extra}",
            "group": f"perceptron N={self.dim} theta={self.theta_mean:g}{extra}",
            "dataset_size": self.drawn,
            "keep_fraction": self.f,
            "rule": self.rule,
            "error": self.mean,
            "error_se": self.stderr,
            "metric": SIMULATED,
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
    student: Any = "max-margin",
    inputs: Any = "gaussian",
    probe: Any = "given",
    label_noise: Any = 0.0,
    trials: Any = 100,
    seed: Any = 0,
    first: Any = 0,
    throw: bool = True,
    progress: Callable[[int, int], None] | None = None,
    batch: Any = None,
) -> Simulation:
    """Train `trials` students on pruned data of a teacher, and measure their errors.

    P = round(alpha_tot N) examples in N = `dim` dimensions, of which round(f P) are kept by the
    field of a probe at angle theta (radians) to the teacher.  `rule` is any keep rule, as object or
    text; those of a weight w keep each example independently, so that the number kept varies, and
    need no `f` (see `teacher.draw_kept`).  Student, inputs and
    probe are objects or texts, too.

    The error of a student J is angle(J, T) / pi, exactly for Gaussian inputs (correlated ones in
    the metric of their covariance); for the others it is the error on Gaussian test inputs.
    Trial i depends on (seed, i) alone, and every student and rule sees the same pool.

    Args:
        student: max-margin, ridge:LAMBDA, logistic:LAMBDA (`students.catalogue`).
        inputs: gaussian, signs, student-t:NU or correlated:R (`inputs`).
        probe: given, independent:ALPHA, same or same:ALPHA (`probes`); theta belongs to `given`.
        label_noise: probability in [0, 1/2) that a label is flipped before pruning, so that the
            student and rules that use labels see it; not for max margin.
        first: number of the first trial, so that a simulation can be continued.
        throw: False flags students without certificate in `converged`.
        progress: called with (done, total) after each batch.
        batch: trials in memory at once.  By default at most 25, and as many as fit in 512 MiB at
            40 N K + 40 min(N, K)² + 64 P bytes each, K and P padded to powers of two; inputs that
            are not Gaussian and probes of the same data take 24 N P bytes more, of one trial.

    Raises:
        InputError: for arguments out of range or if no example is kept.
        ConvergenceError: if the relative duality gap of a student or its probe is above 1e-9.

    Source:
        Sorscher et al., NeurIPS 2022, arXiv 2206.14486, section 2.
    """
    pool = make_point(alpha_tot, f, theta, rule, dim, seed, inputs, probe, label_noise)
    trained = as_student(student)
    trained.check_noise(pool.label_noise)
    trials, first = check_integer("trials", trials, 1), check_integer("first", first, 0)
    size = batch_size(trials, pool) if batch is None else check_integer("batch", batch, 1)
    measured = []
    for done in range(0, trials, size):
        indices = first + np.arange(done, done + size)  # a last batch too long is cut below
        measured.append(_measure_trials(pool, trained, indices))
        if progress is not None:
            progress(min(done + size, trials), trials)
    columns = {name: np.concatenate([m[name] for m in measured])[:trials] for name in measured[0]}
    result = Simulation(
        float(alpha_tot), pool.f, pool.theta, pool.rule.name, pool.dim, pool.seed, pool.drawn,
        pool.kept, **columns, student=trained.name, inputs=pool.inputs.name,
        probe=pool.probe.name, label_noise=pool.label_noise,
    )  # fmt: skip
    if throw and result.failed:
        raise ConvergenceError(_describe_failure(result))
    return result


def _measure_trials(pool: Point, student: Student, indices: np.ndarray) -> dict[str, np.ndarray]:
    """One batch of trials: the per-trial columns of a `Simulation`."""
    data = draw_batch(pool, indices)
    trained = student.train(data.rows, pool.drawn, most_kept(pool))
    overlaps = [frame.of(J) for frame, J in zip(data.frames, trained.J, strict=True)]
    R, rho, error = (np.array(column) for column in zip(*overlaps, strict=True))
    converged = trained.converged & data.probe_converged
    return {
        "error": np.where(converged, error, np.nan),
        "kappa": trained.kappa,
        "R": R,
        "rho": rho,
        "relative_gap": np.maximum(trained.relative_gap, data.probe_gap),
        "converged": converged,
        "probe_theta": np.array([frame.theta for frame in data.frames]),
    }


def _describe_failure(result: Simulation) -> str:
    worst = int(np.argmax(np.where(result.converged, -np.inf, result.relative_gap)))
    return (
        f"{result.failed} of {result.trials} trials missed the relative duality gap "
        f"{GAP_LIMIT:g}; the worst is trial {worst} with {result.relative_gap[worst]:.1e} "
        f"(alpha_tot={result.alpha_tot:g}, f={result.f:g}, theta={result.theta:g}, "
        f"rule={result.rule}, dim={result.dim}, seed={result.seed}, student={result.student}); "
        "throw=False leaves them out"
    )
