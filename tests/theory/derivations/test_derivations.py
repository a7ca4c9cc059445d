"""The SymPy derivations hold, can fail, and their integrals agree at random parameters."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.special import ndtr

import prunelaw
from prunelaw import derivations
from prunelaw.decay.utility import UtilityLaw
from prunelaw.derivations import steps as _symbolic
from prunelaw.numerics.gaussian import hinge, hinge_slopes, normal_pdf


@pytest.fixture(scope="module")
def derived():
    return {item.title: item for item in derivations.all_derivations()}


TITLES = (
    "The smoothed hinge",
    "The saddle point with a perfect probe",
    "The saddle point with an imperfect probe",
    "The law of utility decay",
    "The mixing rule",
    "Infinitely many passes",
)


@pytest.mark.parametrize("title", TITLES)
def test_every_step_holds(derived, title):
    derivation = derived[title]
    failed = [step.says for step in derivation.steps if not step.holds]
    assert derivation.holds and not failed
    assert sum(not step.given for step in derivation.steps) >= 5
    for step in derivation.steps:
        assert step.says.strip() and isinstance(step.relation, sp.Equality)
        assert sp.latex(step.relation)


def test_titles_are_complete(derived):
    assert tuple(derived) == TITLES


def test_wrong_formulas_do_not_hold():
    x, y = sp.symbols("x y", positive=True)
    pairs = [
        (x * y, x / y),
        (sp.exp(-(x**2)), sp.exp(-(x**2) / 2)),
        ((1 + sp.erf(x)) / 2, (1 - sp.erf(x)) / 2),
        (x**y, y**x),
        (sp.sqrt(x), -sp.sqrt(x)),
        (x + 1, x),
    ]
    for left, right in pairs:
        assert not _symbolic.checked("wrong", left, right).holds
        assert _symbolic.checked("right", left, left + 0 * right).holds


def test_one_wrong_step_spoils_the_derivation():
    x = sp.symbols("x")
    steps = [_symbolic.checked("right", x, x), _symbolic.checked("wrong", x, 2 * x)]
    assert not _symbolic.derivation("title", "statement", steps).holds


@pytest.mark.parametrize("seed", range(5))
def test_every_checked_equation_at_random_numbers(derived, seed):
    """The relations themselves, evaluated: a second opinion on SymPy's simplification."""
    rng = np.random.default_rng(seed)
    for title in TITLES[1:]:
        for step in derived[title].steps:
            difference = step.relation.lhs - step.relation.rhs
            if step.given or difference.has(sp.Integral, sp.IndexedBase, sp.Product):
                continue
            names = sorted(difference.free_symbols, key=str)
            # Below .3 the three overlaps are possible together: Λ² > 0.
            values = {name: sp.Float(rng.uniform(0.1, 0.3), 30) for name in names}
            size = 1 + abs(step.relation.rhs.subs(values).evalf(30))
            assert abs(difference.subs(values).evalf(30)) < 1e-20 * size, step.says


def test_hinge_is_the_one_in_use(derived):
    closed = derived["The smoothed hinge"].steps[0].relation.rhs
    m, sigma = sp.symbols("m", real=True), sp.symbols("sigma", positive=True)
    point = {m: sp.Float(0.3), sigma: sp.Float(0.7)}
    at = (np.array(0.3), np.array(0.7))
    assert float(hinge(*at)) == pytest.approx(float(closed.subs(point)), rel=1e-14)
    slopes = [float(closed.diff(v).subs(point)) for v in (m, sigma)]
    np.testing.assert_allclose(hinge_slopes(*at), slopes, rtol=1e-14)


# --- integrals ----------------------------------------------------------------------------------


def panels(*cuts, width=0.5, order=16):
    """Gauss-Legendre nodes and weights between the cuts, on panels no wider than `width`."""
    x, w = np.polynomial.legendre.leggauss(order)
    nodes, weights = [], []
    for low, high in pairwise(cuts):
        ends = np.linspace(low, high, 1 + int(np.ceil((high - low) / width)))
        half = (ends[1] - ends[0]) / 2
        nodes.append(((ends[:-1] + half)[:, None] + half * x).ravel())
        weights.append(np.tile(half * w, len(ends) - 1))
    return np.concatenate(nodes), np.concatenate(weights)


def probe_fields(low, high):
    """Nodes and weights φ(z) w(z) dz of the window low < |z| < high."""
    z, dz = panels(low, min(high, 9.0))
    weight = dz * normal_pdf(z)
    return np.concatenate([-z[::-1], z]), np.concatenate([weight[::-1], weight])


def potential_and_slopes(kappa, R, rho, theta, alpha_tot, low, high):
    """(Ψ, ½∂Ψ/∂A, ½∂Ψ/∂B) from G and its slopes, over the fields (z, t) with t > 0."""
    c, sine = np.cos(theta), np.sin(theta)
    a, b = (R - rho * c) / sine**2, (rho - R * c) / sine**2
    sigma = np.sqrt(1 - a * R - b * rho)
    z, weight = probe_fields(low, high)
    t, dt = panels(0.0, 4.0, 10.0, width=0.25)
    given_z = normal_pdf((t - c * z[:, None]) / sine) / sine
    weight = 2 * alpha_tot * weight[:, None] * dt * given_z
    m = kappa - a * t - b * z[:, None]
    spread = np.full_like(m, sigma)
    cost, (slope_m, slope_s) = hinge(m, spread), hinge_slopes(m, spread)
    potential = (weight * cost).sum() - sigma**2
    along_a = (weight * (-t * slope_m - R / sigma * slope_s)).sum() / 2 + R
    along_b = (weight * (-z[:, None] * slope_m - rho / sigma * slope_s)).sum() / 2 + rho
    return potential, along_a, along_b


def published(kappa, R, rho, theta, alpha_tot, low, high):
    """Left minus right sides of the published equations (second, first, third), over (s, z)."""
    c, square = np.cos(theta), np.sin(theta) ** 2
    big = np.sqrt(square - R**2 - rho**2 + 2 * rho * R * c)
    z, weight = probe_fields(low, high)
    z = z[:, None]
    s, ds = panels(-11.0, kappa, width=0.25)
    weight = alpha_tot * weight[:, None] * ds
    Gamma = z * (rho * R - c) - s * (R - rho * c)
    Delta = z**2 * (rho**2 + c**2 - 2 * rho * R * c) + 2 * s * z * (R * c - rho) + s**2 * square
    root = np.sqrt(1 - rho**2)
    tail = normal_pdf((s - rho * z) / root) / root * ndtr(-Gamma / (root * big))
    edge = np.exp(-Delta / (2 * big**2)) / (2 * np.pi * big)
    gap = kappa - s
    slope = (tail * (z - rho * s) + edge * (rho * R - c)) / root**2
    return (
        1 - (rho**2 + R**2 - 2 * rho * R * c) / square - 2 * (weight * tail * gap**2).sum(),
        (R - rho * c) / square - 2 * (weight * edge * gap).sum(),
        (rho - R * c) / square - 2 * (weight * slope * gap).sum(),
    )


def random_point(rng):
    """Overlaps of a unit student with a plane at a random angle, a margin, a load and a window."""
    theta, inside = rng.uniform(0.3, 1.4), rng.uniform(0.3, 0.8)
    turn = rng.uniform(-1.0, 1.0)
    R, rho = inside * np.cos(turn), inside * np.cos(turn - theta)
    low = rng.uniform(0.0, 0.8)
    return rng.uniform(0.1, 1.5), R, rho, theta, rng.uniform(0.5, 3), low, low + rng.uniform(0.2, 2)


@pytest.mark.parametrize("seed", range(8))
def test_gradient_is_the_published_equations(seed):
    """Anywhere, not only at the saddle point: the published residuals are these combinations."""
    point = random_point(np.random.default_rng(seed))
    psi, along_a, along_b = potential_and_slopes(*point)
    c = np.cos(point[3])
    second, first, third = published(*point)
    assert -psi == pytest.approx(second, abs=1e-12)
    assert (along_a - c * along_b) / (1 - c * c) == pytest.approx(first, abs=1e-12)
    assert (along_b - c * along_a) / (1 - c * c) == pytest.approx(third, abs=1e-12)


@pytest.mark.parametrize("f, theta, rule", [(0.5, 0.3, "hard"), (0.5, 1.0, "hard")])
def test_published_equations_at_the_solution(f, theta, rule):
    solution = prunelaw.solve(3.0, f, theta, rule)
    gamma = float(prunelaw.threshold(rule, f))
    numbers = (float(value) for value in (solution.kappa, solution.R, solution.rho))
    residuals = published(*numbers, theta, 3.0, 0.0, gamma)
    np.testing.assert_allclose(residuals, 0.0, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_perfect_probe_at_random_numbers(seed):
    """θ = 0: Ψ and ½∂Ψ/∂R over the teacher's field against the published single integrals."""
    rng = np.random.default_rng(seed)
    kappa, R, gamma = rng.uniform(0.1, 1.5), rng.uniform(0.1, 0.9), rng.uniform(0.2, 2)
    alpha_tot, sigma = rng.uniform(0.5, 3), np.sqrt(1 - R**2)
    t, dt = panels(0.0, gamma)
    weight = 2 * alpha_tot * dt * normal_pdf(t)
    m, spread = kappa - R * t, np.full_like(t, sigma)
    slope_m, slope_s = hinge_slopes(m, spread)
    psi = weight @ hinge(m, spread) - sigma**2
    slope = weight @ (-t * slope_m - R / sigma * slope_s) / 2 + R

    s, ds = panels(-11.0, kappa, width=0.25)
    weight = 2 * alpha_tot * ds * normal_pdf(s)
    window = ndtr((gamma - R * s) / sigma) - ndtr(-R * s / sigma)
    edge = np.exp(-((R * s / sigma) ** 2) / 2) / (np.sqrt(2 * np.pi) * sigma)
    cut = 1 - np.exp(-gamma * (gamma - 2 * R * s) / (2 * sigma**2))
    assert psi == pytest.approx(weight @ (window * (kappa - s) ** 2) - sigma**2, abs=1e-12)
    assert slope == pytest.approx(R - weight @ (edge * cut * (kappa - s)), abs=1e-12)


def test_utility_law_is_the_one_in_use(derived):
    """The product formula at three passes against `UtilityLaw`, whose prefactor is (a/1e5)^b."""
    steps = derived["The law of utility decay"].steps
    product = next(step.relation.rhs for step in steps if step.relation.rhs.has(sp.Product))
    law = UtilityLaw(a=0.025, b=-0.16, tau=6.0, d=0.0)
    k = sp.symbols("k", integer=True, positive=True)
    a, tau, b = *sp.symbols("a tau", positive=True), sp.symbols("b", real=True)
    formula = product.subs(k, 3).doit()
    values = {a: law.prefactor, tau: 6, b: -0.16}
    passes = {item: 1e6 * int(item.indices[0]) for item in formula.atoms(sp.Indexed)}
    expected = float(formula.subs(passes).subs(values))
    assert float(law.error(3e6, 1e6)) == pytest.approx(expected, rel=1e-13)


def test_prunelaw_does_not_load_sympy():
    code = "import prunelaw, sys; assert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_page_shows_every_step(derived):
    """docs/derivations.md is written by docs/make_derivations.py: rerun it if this fails."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "derivations.md").read_text("utf-8")
    shown = [line for line in page.splitlines() if line.endswith("(*checked*)")]
    checked = [s.says for d in derived.values() for s in d.steps if not s.given]
    assert [line.split(". ", 1)[1].removesuffix(" (*checked*)") for line in shown] == checked
    for derivation in derived.values():
        assert f"## {derivation.title}\n\n{derivation.statement}\n" in page
