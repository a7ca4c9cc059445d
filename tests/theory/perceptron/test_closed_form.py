"""The closed inner integral: against quadrature of positive terms, and against 30 digits."""

import mpmath as mp
import numpy as np
import pytest
from reference.make_chart import solved

from prunelaw.keep import as_rule
from prunelaw.perceptron.chart import problem_at
from prunelaw.perceptron.closed_form import values_on_lines
from prunelaw.perceptron.moments import Moments, plane_moments
from prunelaw.perceptron.moments import _integrated_lines as integrated_lines
from prunelaw.perceptron.panels import Fields, Resolution
from prunelaw.perceptron.solver import solved_points

FINE = Resolution(outer=24, inner=64, width=1.0)


def students(rule: str, n: int, least_angle: float):
    """Solved points over the domain, with angles log-uniform from `least_angle`."""
    rng = np.random.default_rng(7)
    alpha, f = 10 ** rng.uniform(-3, 6, n), 10 ** rng.uniform(-4, 0, n)
    theta = 10 ** rng.uniform(np.log10(least_angle), np.log10(np.pi / 2), n)
    part = solved_points(alpha, f, theta, rule, throw=False).parts[0].good()
    fields = part.problem.fields(part.state)
    return part.problem, fields, part.problem._cancellation(fields)


@pytest.mark.parametrize("rule", ["hard", "easy", "signed-hard", "signed-easy"])
@pytest.mark.parametrize(
    "least_angle, count",
    [(0.003, 60), *(pytest.param(a, 300, marks=pytest.mark.exhaustive) for a in (0.003, 0.3))],
)
def test_closed_form_agrees_with_positive_terms(rule, least_angle, count):
    """Every moment to 1e-11 where it is used; the error of G stays near the stated cancellation."""
    problem, fields, cancellation = students(rule, count, least_angle)
    never, always = np.full((2, len(fields.a)), [[1.0], [-1.0]])
    positive = plane_moments(problem.segments, fields, never, FINE)
    closed = plane_moments(problem.segments, fields, always, FINE)
    used = cancellation < 1e-12
    assert used.mean() > 0.4
    scale = {"G": "G", "g_t": "g", "g_u": "g", "pdf_t": "pdf", "pdf_u": "pdf", "pdf_x": "pdf"}
    for name in Moments._fields:
        size = np.abs(getattr(positive, scale.get(name, "cdf" if name[0] == "c" else name)))
        size += 1e-5 * positive.cdf  # φ(x) may underflow
        apart = np.abs(getattr(closed, name) - getattr(positive, name))[used]
        assert (apart <= 1e-11 * size[used]).all(), name
    coarsely_used = cancellation < 1e-6
    lost = np.abs(closed.G / positive.G - 1.0)[coarsely_used]
    assert (lost < 1e-12 + 100.0 * cancellation[coarsely_used]).all()


@pytest.mark.parametrize("rule", ["hard", "easy"])
def test_single_lines_agree_with_quadrature(rule):
    """The integrands of `Moments` and `Turn` at single z, relative to the largest of each."""
    _, fields, cancellation = students(rule, 80, 0.01)
    take = np.flatnonzero(cancellation < 1e-12)
    z = np.random.default_rng(1).normal(size=(len(take), 6))
    here = fields.take(take)
    for closed, integrated in zip(values_on_lines(z, here), integrated_lines(z, here), strict=True):
        for a, b in zip(closed, integrated, strict=True):
            assert np.abs(a - b).max() < 1e-12 * np.abs(b).max()


@pytest.mark.parametrize("z", [-2.1, -0.3, 0.0, 0.4, 1.7])
@pytest.mark.parametrize("kappa", [-0.4, 1e-3, 0.05, 2.0])
def test_thirty_digits_of_a_line(z, kappa):
    """∫ φ(u') Φ(m/σ) and ∫ φ(u') G over the teacher's half-line, by mpmath."""
    theta, rho, sigma, zeta = 0.7, 0.55, 0.3, 0.6
    c, s = np.cos(theta), np.sin(theta)
    a, b = c * rho + s * zeta, s * rho - c * zeta
    one = np.ones(1)
    fields = plane_fields(c, s, a, b, sigma, rho, zeta, kappa, one)
    moments, _ = values_on_lines(np.array([[z]]), fields)
    with mp.workdps(30):
        start = -mp.mpf(z) * c / s
        cut = [
            start,
            *sorted(x for x in (mp.mpf(0), mp.mpf(3), mp.mpf(8)) if x > start),
            mp.mpf(30),
        ]

        def margin(u):
            return (mp.mpf(kappa) - rho * z - zeta * u) / sigma

        def cost(u):
            x = margin(u)
            return sigma**2 * ((1 + x * x) * mp.ncdf(x) + x * mp.npdf(x))

        density = 2 * mp.npdf(z)
        cdf = density * mp.quad(lambda u: mp.npdf(u) * mp.ncdf(margin(u)), cut)
        G = density * mp.quad(lambda u: mp.npdf(u) * cost(u), cut)
    assert float(moments[4][0, 0]) == pytest.approx(float(cdf), rel=1e-13, abs=1e-18)
    assert float(moments[0][0, 0]) == pytest.approx(float(G), rel=1e-12, abs=1e-17)


def plane_fields(c, s, a, b, sigma, rho, zeta, kappa, one):
    """`Fields` of one student; nothing is cut out, so the edge is 0."""
    values = (c, s, a, b, sigma, rho, zeta, kappa, kappa, 0.0)
    return Fields(*(value * one for value in values))


def test_starts_do_not_decide_the_answer():
    """Chart or no chart, the student is the same."""
    rng = np.random.default_rng(3)
    n = 40
    load, f, theta = rng.uniform(-4, 9, n), 10 ** rng.uniform(-3, -0.01, n), rng.uniform(0, 1.5, n)
    for rule in ("hard", "easy"):
        problem = problem_at(rule, load, f, theta, planar=True)
        state, good = solved(problem, f)
        charted = solved_points(np.exp(load) / f, f, theta, rule)
        assert good.all() and as_rule(rule, "rule").name == rule
        np.testing.assert_allclose(charted.solution.error, state.omega / np.pi, rtol=1e-10)
