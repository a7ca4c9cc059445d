"""Small results of the three parts, made of numbers, for tests of reports and figures."""

import numpy as np
import pandas as pd

import prunelaw
from prunelaw.decay.utility import UtilityLaw
from prunelaw_sim.simulation.agreement import agreement
from prunelaw_sim.simulation.result import Simulation
from prunelaw_sim.tables.sweep import Sweep
from prunelaw_sim.verification.real import check_sweeps
from prunelaw_sim.verification.simulated import POINTS, SimulationCheck


def simulation_check(theory_factor=1.0, relative_se=0.004, seed=0):
    """A check whose simulated means have finite-size effects and Gaussian scatter around theory."""
    columns = zip(*POINTS, strict=True)
    rule, theta, alpha_tot, f = (list(column) for column in columns)
    exact = prunelaw.solve(alpha_tot, f, theta, rule).error
    sizes = np.array([40.0, 80.0, 200.0])
    means = exact[:, None] * (1.0 - 1.5 / sizes)
    stderrs = relative_se * np.ones_like(means) * exact[:, None]
    means = means + stderrs * np.random.default_rng(seed).standard_normal(means.shape)
    found = agreement(theory_factor * exact, sizes, means, stderrs)
    return SimulationCheck(POINTS, {40: 400, 80: 300, 200: 250}, found, 1e-9, 1e-12, 13300)


def simulation(alpha_tot, f, theta, rule, *, dim, error, seed=0):
    """Trials with these errors; the other measurements are filled with them too."""
    error = np.asarray(error, dtype=float)
    measured = dict.fromkeys(("error", "kappa", "R", "rho", "relative_gap"), error)
    drawn = round(alpha_tot * dim)
    return Simulation(
        alpha_tot=alpha_tot,
        f=f,
        theta=theta,
        rule=rule,
        dim=dim,
        seed=seed,
        drawn=drawn,
        kept=round(f * drawn),
        converged=np.ones(len(error), bool),
        probe_theta=np.full(len(error), float(theta)),
        **measured,
    )


def repetition_sweep(noise=0.0, seeds=3):
    """Runs of one pool that follow the utility law up to Gaussian noise."""
    rng = np.random.default_rng(0)
    rows = []
    for size in (100.0, 200.0, 400.0):
        law = UtilityLaw(a=4000.0, b=-0.5, tau=3.0 * size / 100.0, d=0.02)
        for epochs in (1, 2, 4, 8, 16):
            for seed in range(seeds):
                error = float(law.error(epochs * size, size)) * (1 + noise * rng.normal())
                rows.append(("clean", size, epochs * size, error, seed))
    columns = ["pool", "unique_samples", "samples_seen", "error", "seed"]
    return Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(columns)), "made runs")


def pruning_sweep(noise=0.01, seeds=3):
    """Pruned runs that follow the theory at N = 50, θ = .2, up to Gaussian noise."""
    rng = np.random.default_rng(1)
    rows = []
    for size in (50, 100, 200, 400):
        for rule in ("hard", "easy", "random"):
            exact = float(prunelaw.solve(size / 50, 0.5, 0.2, rule).error)
            for seed in range(seeds):
                rows.append((size, 0.5, rule, exact * (1 + noise * rng.normal()), seed))
    columns = ["dataset_size", "keep_fraction", "rule", "error", "seed"]
    return Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(columns)), "made pruned runs")


def sweep_check():
    """Both laws on the made runs."""
    return check_sweeps((pruning_sweep(), repetition_sweep(noise=0.02)))
