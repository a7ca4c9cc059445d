"""Margins of the kept examples: normalised, in line with the saddle point, and as simulated."""

import numpy as np
import pytest

from prunelaw.errors import InputError
from prunelaw.keep import as_rule
from prunelaw.perceptron.stability import _untrained, below_kappa, stabilities
from prunelaw_sim.students.hard_margin import max_margin

POINTS = [
    (3.0, 0.5, 0.3, "hard"),
    (3.0, 0.5, 0.0, "hard"),
    (3.0, 0.5, 0.0, "easy"),
    (30.0, 0.2, 0.5, "random"),
    (10.0, 0.3, 0.2, "easy"),
    (6.0, 0.25, 0.7, "signed-hard"),
    (30.0, None, 0.5, "band:0.17,0.43"),
    (0.1, 0.5, 1.2, "mix:0.2,hard"),
    (1e4, 0.05, 0.3, "hard"),
]


@pytest.mark.parametrize(("alpha_tot", "f", "theta", "rule"), POINTS)
def test_the_shortfall_is_what_the_saddle_point_says(alpha_tot, f, theta, rule):
    """α_prune ∫_{−∞}^κ (κ − m)² p₀ dm = σ², the out-of-plane part of the student."""
    found = stabilities(0.0, alpha_tot, f, theta, rule)
    solution = found.solution
    m, weights = below_kappa(float(solution.kappa))
    density = _untrained(m, as_rule(rule), solution)
    shortfall = weights @ ((float(solution.kappa) - m) ** 2 * density)
    R, rho = float(solution.R), float(solution.rho)
    in_plane = R**2 if theta == 0.0 else (
        (R**2 + rho**2 - 2 * rho * R * np.cos(theta)) / np.sin(theta) ** 2
    )  # fmt: skip
    # 1 − in_plane loses the digits of in_plane at large α
    tolerance = 1e-12 + 1e-15 / (1.0 - in_plane)
    assert float(solution.alpha_prune) * shortfall == pytest.approx(1.0 - in_plane, rel=tolerance)


@pytest.mark.parametrize(("alpha_tot", "f", "theta", "rule"), POINTS[:8])
def test_all_margins_add_up_to_one(alpha_tot, f, theta, rule):
    edges = np.linspace(0.0, 12.0, 4001)
    solution = stabilities(0.0, alpha_tot, f, theta, rule).solution
    kappa = float(solution.kappa)
    m = kappa + edges
    found = stabilities(m, alpha_tot, f, theta, rule)
    above = np.trapezoid(found.untrained, m)  # the density at κ itself counts from above
    assert above + found.at_kappa == pytest.approx(1.0, abs=2e-6)  # trapezes of width .003
    assert found.density[0] == 0.0
    assert (found.density[1:] == found.untrained[1:]).all()


def test_simulated_students_have_this_share_at_their_margin():
    """Support vectors over kept examples, 40 students at N = 100."""
    alpha_tot, f, dim, trials = 4.0, 0.5, 100, 40
    rng = np.random.default_rng(0)
    x = rng.standard_normal((trials, int(alpha_tot * dim), dim))
    examples = x * np.sign(x[..., :1])  # the teacher is the first axis, the probe the same
    hardest = np.argsort(np.abs(x[..., 0]), axis=1)[:, : int(f * alpha_tot * dim)]
    kept = np.take_along_axis(examples, hardest[..., None], axis=1)
    share = np.asarray(max_margin(kept).n_support) / kept.shape[1]
    theory = stabilities(0.0, alpha_tot, f, 0.0, "hard").at_kappa
    standard_error = share.std(ddof=1) / np.sqrt(trials)
    assert abs(share.mean() - theory) < 4 * standard_error + 1.0 / dim  # effects of order 1/N


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="margin"):
        stabilities(np.nan, 3.0, 0.5)
    with pytest.raises(InputError, match="alpha_tot"):
        stabilities(0.0, [1.0, 2.0], 0.5)
