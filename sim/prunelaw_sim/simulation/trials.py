"""Simulated students: the errors that the theory of data pruning predicts, measured.

Each trial draws data and prunes it (`batches`), trains a student (`students.catalogue`) and reads
its error off its angle to the teacher (`overlaps`): no test set, no sampling noise but that of the
training data.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from prunelaw.checks import check_integer
from prunelaw.errors import ConvergenceError
from prunelaw_sim.simulation.batches import batch_size, draw_batch
from prunelaw_sim.simulation.point import Point, make_point
from prunelaw_sim.simulation.result import Simulation
from prunelaw_sim.simulation.teacher import most_kept
from prunelaw_sim.students.base import GAP_LIMIT, Student
from prunelaw_sim.students.registry import as_student


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
    field of a probe at angle theta (radians) to the teacher; for `rule`, as object or text, see
    `teacher.draw_kept`.  The error of a student J is its angle to the teacher over pi (for inputs
    that are not Gaussian the error on Gaussian ones, see `overlaps`).  Trial i depends on (seed, i)
    alone, and every student and rule sees the same pool.

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
