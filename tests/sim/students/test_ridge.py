"""Ridge students: exact; simulated classifiers judge the theory and its printed forms."""

import numpy as np
import pytest
from sim.reference_ridge import simulate_ridge

from prunelaw.keep import as_rule
from prunelaw.students.ridge import Window, resolvent, solve_ridge, window_moments
from prunelaw_sim.simulation.agreement import agreement
from prunelaw_sim.students.catalogue.ridge import train_ridge

POINTS = [
    # alpha_tot, f, theta, rule, options
    (10 / 3, 0.5, np.arccos(0.9), "hard", {"ridge": 0.01}),
    (10.0, 0.2, np.arccos(0.8), "easy", {"ridge": 0.05}),
    (2.0, 0.3, 0.0, "easy", {"ridge": 0.01}),
    (4.0, 0.3, 0.0, "hard", {"ridge": 0.01}),
    (2.0, 0.6, np.pi / 2, "hard", {"ridge": 0.1}),
    (3.0, None, 0.6, "band:0.2,0.9", {"ridge": 0.02}),
    (3.0, 0.5, 0.4, "hard", {"generator_theta": 0.7, "generator_turn": 1.2}),
    (3.0, 0.4, 0.5, "easy", {"generator_theta": 0.5}),
    (4.0, 0.4, 0.5, "hard", {"generator_theta": 0.9, "generator_turn": 0.0}),
    (4.0, 0.4, 0.5, "easy", {"generator_theta": 0.8, "generator_turn": np.pi}),
    (3.0, 0.4, 0.4, "mix:0.25,hard", {"ridge": 0.02}),
]
SIZES = np.array([64, 128, 256])
TRIALS = (200, 100, 50)


def stderr(errors):
    return errors.std(ddof=1) / np.sqrt(errors.size)


@pytest.fixture(scope="module")
def simulated():
    """Means and standard errors at POINTS (rows) and SIZES (columns)."""
    runs = [
        [
            simulate_ridge(*point, **options, dim=dim, trials=trials, seed=7 * row + dim)
            for dim, trials in zip(SIZES.tolist(), TRIALS, strict=True)
        ]
        for row, (*point, options) in enumerate(POINTS)
    ]
    means = np.array([[errors.mean() for errors in row] for row in runs])
    return means, np.array([[stderr(errors) for errors in row] for row in runs])


def theory(**changes):
    return np.array([float(solve_ridge(*p, **(kw | changes)).error) for *p, kw in POINTS])


def test_theory_agrees(simulated):
    """χ² over all points after extrapolation in 1/N, and its power: 2 % off would be caught."""
    found = agreement(theory(), SIZES, *simulated, order=1)
    assert found.agrees
    assert np.abs(found.z).max() < 3.5
    assert found.detectable < 0.02


def test_ignoring_the_generator_is_refuted(simulated):
    found = agreement(theory(generator_theta=0.0), SIZES, *simulated, order=1)
    turned = np.array(["generator_theta" in options for *_, options in POINTS])
    assert np.abs(found.z[~turned]).max() < 3.5
    assert np.abs(found.z[turned]).min() > 10


def test_counting_examples_after_pruning_is_refuted(simulated):
    """φ = d/n with n the kept examples, λ unchanged: not the objective that is simulated."""
    alpha_prune = [float(solve_ridge(*point).alpha_prune) for *point, _ in POINTS]
    wrong = [
        float(solve_ridge(alpha, *rest, **options).error)
        for alpha, (_, *rest, options) in zip(alpha_prune, POINTS, strict=True)
    ]
    assert not agreement(wrong, SIZES, *simulated, order=1).agrees


def overlap(alpha_tot, f, theta, rule, ridge, off_probe):
    """m₀/√ν₀ as printed, with r = (off_probe β)² m + β̃² m̃."""
    half = as_rule(rule).segments(np.array([f]), np.array([theta]))
    kept = Window(*(part[0, 0] for part in half[:3]))
    p, gamma, beta, beta_tilde = window_moments(np.cos(theta), np.sin(theta), kept)
    phi = 1 / alpha_tot
    m, slope, _ = resolvent(p, np.float64(phi), np.float64(ridge))
    m_tilde = 1 / (gamma / (1 + phi * m) + ridge)
    slope_tilde = m_tilde**2 * (1 + gamma * phi * slope / (1 + phi * m) ** 2)
    r = (off_probe * beta) ** 2 * m + beta_tilde**2 * m_tilde
    r_slope = (off_probe * beta) ** 2 * slope + beta_tilde**2 * slope_tilde
    nu0 = p * phi * slope + r_slope - 2 * phi * slope * r / (1 + phi * m)
    m0 = np.sin(theta) * beta * m + np.cos(theta) * beta_tilde * m_tilde
    return float(m0 / np.sqrt(nu0))


def test_omega_in_place_of_beta_is_refuted(simulated):
    """r with ω = √(1 − ρ²) β gives .1754 where simulation finds .163; with β, .1628."""
    (*point, options), means, stderrs = POINTS[0], *(part[:1] for part in simulated)
    right, wrong = (
        np.arccos(overlap(*point, options["ridge"], factor)) / np.pi
        for factor in (1.0, np.sin(point[2]))
    )
    assert right == pytest.approx(float(solve_ridge(*point, **options).error), rel=1e-13)
    assert abs(agreement([right], SIZES, means, stderrs, order=1).z[0]) < 3
    assert agreement([wrong], SIZES, means, stderrs, order=1).z[0] < -5


def test_omega_in_place_of_beta_is_not_even_an_overlap():
    assert overlap(10.0, 0.5, 0.5, "hard", 0.05, 1.0) < 1
    assert overlap(10.0, 0.5, 0.5, "hard", 0.05, np.sin(0.5)) > 1


def naive_errors(point, options, dim, trials):
    """The experiment in so many words: all coordinates, random directions, a dense solve."""
    alpha, f, theta, rule = point
    rng = np.random.default_rng(5)
    cos_g, sin_g = np.cos(options["generator_theta"]), np.sin(options["generator_theta"])
    turn = options["generator_turn"]
    drawn, errors = round(alpha * dim), []
    for _ in range(trials):
        teacher, one, two = np.linalg.qr(rng.standard_normal((dim, 3)))[0].T
        probe = np.cos(theta) * teacher + np.sin(theta) * one
        generator = cos_g * teacher + sin_g * (np.cos(turn) * one + np.sin(turn) * two)
        x = rng.standard_normal((drawn, dim))
        z = np.abs(x @ probe)
        q = as_rule(rule).weight(z, f, theta)
        hessian = (x.T * q) @ x / drawn + 0.01 * np.eye(dim)
        w = np.linalg.solve(hessian, x.T @ (q * np.sign(x @ generator)) / drawn)
        errors.append(np.arccos(w @ teacher / np.linalg.norm(w)) / np.pi)
    return np.array(errors)


@pytest.mark.parametrize("row", [6, 9])
def test_drawing_the_plane_first_is_the_same_experiment(row):
    *point, options = POINTS[row]
    ours, naive = (
        simulate_ridge(*point, **options, dim=20, trials=500),
        naive_errors(point, options, 20, 500),
    )
    assert abs(ours.mean() - naive.mean()) < 3.5 * np.hypot(stderr(ours), stderr(naive))


@pytest.mark.parametrize("count", [5, 40])
def test_student_minimises_the_objective(count):
    """Both the primal and the dual solve end where the gradient vanishes."""
    rows = np.random.default_rng(0).standard_normal((count, 12))
    w = train_ridge(rows, 60, 0.03)
    gradient = rows.T @ (rows @ w - 1) / 60 + 0.03 * w
    assert np.abs(gradient).max() < 1e-14
