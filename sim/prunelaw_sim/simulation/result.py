"""Trials at one point, measured: what each found, with its certificate, and their means."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from prunelaw_sim.common.statistics import mean, standard_error
from prunelaw_sim.common.text_forms import CHOICES, SIMULATED

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
        return mean(self.probe_theta[self.converged])

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
        return mean(self.error[self.converged])

    @property
    def stderr(self) -> float:
        """Standard error of `mean`; NaN for fewer than two certified trials."""
        return standard_error(self.error[self.converged])

    def to_sweep_rows(self) -> pd.DataFrame:
        """One row in the canonical columns of a sweep: the mean error and its standard error."""
        return pd.DataFrame([self.sweep_row(f"-s{self.seed}")])

    def sweep_row(self, run: str = "") -> dict[str, Any]:
        """The same as a mapping; `run` tells runs of one point apart."""
        theta = self.theta_mean
        point = f"a{self.alpha_tot:g}-f{self.f:g}-t{theta:g}-{self.rule}-n{self.dim}"
        extra = "".join(f" {name}={value}" for name, value in self.changed.items())
        return {
            "run": f"perceptron-{point}{run}{extra}",
            "group": f"perceptron N={self.dim} theta={theta:g}{extra}",
            "dataset_size": self.drawn,
            "keep_fraction": self.f,
            "rule": self.rule,
            "error": self.mean,
            "error_se": self.stderr,
            "metric": SIMULATED,
            "seed": self.seed,
        }
