"""Simulated ridge classifiers on pruned data: the errors that `prunelaw.solve_ridge` predicts.

Each trial draws n = round(α_tot N) inputs x ~ N(0, I_N), keeps each with probability w(z) of its
probe field z, takes labels from the generator (the teacher itself unless told otherwise), solves

    (1/n Σ_kept x xᵀ + λ) w = 1/n Σ_kept y x

exactly by a Cholesky factor, and reads the error off the angle of w to the teacher.  As in
`teacher`, only the fields in the span of teacher, probe and generator are drawn for all n
examples, and the other N − 3 coordinates for the kept ones: the distribution is exact.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer
from prunelaw.errors import InputError
from prunelaw.keep import as_rule, checked_fraction
from prunelaw_sim.common.arguments import check_seed, one_number
from prunelaw_sim.common.threads import one_lapack_thread
from prunelaw_sim.simulation.point import example_counts
from prunelaw_sim.students.penalised import train_ridge

PLANE = 3  # coordinates that teacher, probe and generator span


@dataclass(frozen=True)
class RidgeSimulation:
    """Trials at one point.

    Per trial: error (angle of w and teacher over π) and kept (examples that were trained on).
    """

    alpha_tot: float
    f: float
    theta: float
    rule: str
    ridge: float
    generator_theta: float
    generator_turn: float
    dim: int
    seed: int
    drawn: int
    kept: Int[np.ndarray, " trials"]
    error: Float[np.ndarray, " trials"]

    @property
    def trials(self) -> int:
        """Number of trials."""
        return self.error.size

    @property
    def mean(self) -> float:
        """Mean error."""
        return float(np.mean(self.error))

    @property
    def stderr(self) -> float:
        """Standard error of `mean`; NaN for a single trial."""
        if self.trials < 2:
            return np.nan
        return float(np.std(self.error, ddof=1) / np.sqrt(self.trials))


def simulate_ridge(
    alpha_tot: Any,
    f: Any = None,
    theta: Any = 0.0,
    rule: Any = "hard",
    *,
    ridge: Any = 1e-2,
    generator_theta: Any = 0.0,
    generator_turn: Any = np.pi / 2,
    dim: Any = 200,
    trials: Any = 100,
    seed: Any = 0,
) -> RidgeSimulation:
    """Train `trials` ridge classifiers in `dim` dimensions on pruned data; errors to the teacher.

    Arguments as in `prunelaw.students.ridge.solve_ridge`, one number or rule each; the rule may
    also be a function of |z|, which has no theory there.  An example is kept independently with
    probability w(z), so the number kept varies by O(√n) around f n.
    Trial i depends on (seed, i) alone.

    Raises `InputError` for arguments out of range, for rules of the signed margin, for an f that
    contradicts the rule, or if a trial keeps no example.

    Source: the objective of arXiv 2502.15588 and 2511.03492, normalised by n before pruning.
    """
    right_angle = np.pi / 2
    keep = as_rule(rule)
    if keep.uses_labels:
        raise InputError(f"rule must be one of |z|, got {keep.name}, which uses the labels")
    given = None if f is None else one_number("f", f, 0.0, 1.0, low_open=True)
    angle = one_number("theta", theta, 0.0, right_angle)
    point = {
        "alpha_tot": one_number("alpha_tot", alpha_tot, 0.0, low_open=True),
        "f": float(checked_fraction(keep, given, np.array(angle))),
        "theta": angle,
        "ridge": one_number("ridge", ridge, 0.0, low_open=True),
        "generator_theta": one_number("generator_theta", generator_theta, 0.0, right_angle),
        "generator_turn": one_number("generator_turn", generator_turn, 0.0, np.pi),
    }
    dim, seed = check_integer("dim", dim, PLANE), check_seed(seed)
    trials = check_integer("trials", trials, 1)
    drawn, _ = example_counts(point["alpha_tot"], point["f"], dim)
    segments = keep.segments(np.array([point["f"]]), np.array([angle]))
    probe, generator = _directions(
        point["theta"], point["generator_theta"], point["generator_turn"]
    )
    kept, error = np.zeros(trials, int), np.zeros(trials)
    with one_lapack_thread():
        for trial in range(trials):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(trial,)))
            fields = rng.standard_normal((drawn, PLANE))
            chosen = rng.random(drawn) < segments.weight_at((fields @ probe)[None])[0]
            rows = _signed_rows(rng, fields[chosen], generator, dim)
            kept[trial] = len(rows)
            error[trial] = _angle(train_ridge(rows, drawn, point["ridge"])) / np.pi
    return RidgeSimulation(
        **point, rule=keep.name, dim=dim, seed=seed, drawn=drawn, kept=kept, error=error
    )


def _directions(
    theta: float, generator_theta: float, turn: float
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Probe and generator in coordinates where the teacher is e1."""
    probe = np.array([np.cos(theta), np.sin(theta), 0.0])
    around = np.array([0.0, np.cos(turn), np.sin(turn)])
    generator = np.sin(generator_theta) * around
    generator[0] = np.cos(generator_theta)
    return probe, generator


def _signed_rows(
    rng: np.random.Generator,
    fields: Float[np.ndarray, "K 3"],
    generator: Float[np.ndarray, " 3"],
    dim: int,
) -> Float[np.ndarray, "K N"]:
    """The kept examples as rows y x; a Gaussian times an independent sign is the same Gaussian."""
    rows = np.empty((len(fields), dim))
    rows[:, :PLANE] = np.sign(fields @ generator)[:, None] * fields
    rows[:, PLANE:] = rng.standard_normal((len(fields), dim - PLANE))
    return rows


def _angle(w: Float[np.ndarray, " N"]) -> float:
    """Angle of w and the teacher e1; atan2 keeps all digits of a small one."""
    return float(np.arctan2(np.linalg.norm(w[1:]), w[0]))
