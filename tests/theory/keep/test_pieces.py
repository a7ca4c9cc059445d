"""Any function of |z|, z or m: narrow features are found, or the rule is refused by name."""

import itertools

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

import prunelaw
from prunelaw.keep import Function, Piecewise
from prunelaw.keep.pieces import resolving_cuts
from prunelaw.numerics.gaussian import normal_pdf
from prunelaw.perceptron import STATUS
from prunelaw.perceptron.asymptotics import limit_constant


def bump(centre, width):
    return lambda z: np.exp(-(((np.abs(z) - centre) / width) ** 2))


def mass_of_bump(centre, width):
    """2 ∫ exp(−((z − centre)/width)²) φ(z) dz over z > 0: a Gaussian in z, in closed form."""
    spread = 1 / np.sqrt(2 / width**2 + 1)
    middle = 2 * centre / width**2 * spread**2
    height = np.exp(-(centre**2) / (2 + width**2)) * spread
    return height * (1 + erf(middle / spread / np.sqrt(2)))


def square_comb(teeth):
    """1 and 0 in turns between 0 and 2, and the same as `Piecewise`."""
    edges = np.linspace(0.0, 2.0, 2 * teeth + 1)

    def w(z):
        return ((np.searchsorted(edges, z, "right") % 2 == 1) & (z < 2.0)) * 1.0

    return w, Piecewise(edges.tolist(), [1.0, 0.0] * teeth)


@pytest.mark.parametrize("width", [0.03, 0.003, 3e-4])
@pytest.mark.parametrize("centre", [0.4, 1.0, 2.3])
def test_a_narrow_bump_without_breakpoints_has_its_fraction(centre, width):
    rule = Function(bump(centre, width))
    assert rule.resolved and rule.cuts
    assert rule.fraction(np.zeros(1)) == pytest.approx(mass_of_bump(centre, width), rel=1e-10)


@pytest.mark.parametrize("theta", [0.0, 0.3])
def test_a_narrow_bump_has_the_error_of_fine_steps(theta):
    centre, width = 0.4, 0.003
    edges = np.linspace(centre - 4 * width, centre + 4 * width, 61)
    steps = [quad(bump(centre, width), *ends)[0] for ends in itertools.pairwise(edges)]
    fine = Piecewise(edges.tolist(), (np.array(steps) / np.diff(edges)).tolist())
    found = prunelaw.solve(30.0, None, theta, Function(bump(centre, width)))
    wanted = prunelaw.solve(30.0, None, theta, fine)
    assert found.f == pytest.approx(wanted.f, rel=1e-6)
    assert found.error == pytest.approx(wanted.error, rel=1e-6)


@pytest.mark.parametrize("theta", [0.0, 0.5])
def test_jumps_need_no_breakpoints(theta):
    w, exact = square_comb(7)
    found, wanted = (prunelaw.solve(10.0, None, theta, rule) for rule in (Function(w), exact))
    assert found.f == pytest.approx(wanted.f, rel=1e-10)
    assert found.error == pytest.approx(wanted.error, rel=1e-9)


def test_a_bend_at_a_rounded_number_is_seen():
    """The edge of two pieces of the first look must not lie there."""
    rule = Function(lambda z: np.minimum(np.sqrt(z), 1.0))
    wanted = 2 * sum(
        quad(lambda z, w=w: w(z) * normal_pdf(z), *ends, epsabs=1e-14)[0]
        for w, ends in ((np.sqrt, (0, 1)), (lambda z: 1.0, (1, np.inf)))
    )
    assert rule.fraction(np.zeros(1)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("of", ["z", "margin"])
def test_features_on_either_side_of_0_are_found(of):
    rule = Function(lambda m: np.exp(-(((m + 0.7) / 0.002) ** 2)), of)
    # At θ = π/2 labels and probe are unrelated, and m ~ N(0, 1) as z is.
    half = mass_of_bump(0.7, 0.002) / 2
    assert rule.fraction(np.array([np.pi / 2])) == pytest.approx(half, rel=1e-9)


@pytest.mark.parametrize("theta", [1e-4, 1e-3, 0.1])
def test_a_small_angle_is_seen_by_the_fraction_of_a_rule_of_margins(theta):
    """y = sign(z) but for |z| ~ tan θ."""

    def density(m):
        right = 0.5 * (1 + erf(m / np.tan(theta) / np.sqrt(2)))
        return 2 * np.exp(-((m - 0.3) ** 2)) * normal_pdf(m) * right

    scale = np.tan(theta) * np.array([-9, -3, 0, 3, 9])
    ends = itertools.pairwise([-9.0, *scale[abs(scale) < 9], 9.0])
    wanted = sum(quad(density, *each, epsabs=1e-15, epsrel=1e-13)[0] for each in ends)
    rule = Function(lambda m: np.exp(-((m - 0.3) ** 2)), "margin")
    assert rule.fraction(np.array([theta])) == pytest.approx(wanted, rel=1e-11)


def test_a_smooth_function_is_not_cut():
    for w in (lambda z: np.exp(-z), lambda z: 1 / (1 + np.exp(4 * z)), np.ones_like):
        assert Function(w).cuts == ()


def test_a_function_of_too_many_features_is_flagged():
    rule = Function(lambda z: np.sin(1000 * z) ** 2)
    assert not rule.resolved
    found = prunelaw.solve(3.0, None, 0.3, rule, throw=False)
    assert not found.converged and np.isnan(found.error)
    assert STATUS[int(found.status)].startswith("rule not resolved")
    assert found.f == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(prunelaw.ConvergenceError, match="rule not resolved"):
        prunelaw.solve(3.0, None, 0.3, rule)
    with pytest.raises(prunelaw.InputError, match="too fast for quadratures"):
        limit_constant(None, 0.3, rule)


def test_a_narrow_rule_with_its_breakpoints_is_legal():
    low, high = 0.40001, 0.40011
    rule = Function(lambda z: ((z > low) & (z < high)) * 1.0, breakpoints=(low, high))
    exact = Piecewise((low, high), (1.0,))
    assert rule.fraction(np.zeros(1)) == pytest.approx(exact.fraction(np.zeros(1)), rel=1e-9)
    found, wanted = (prunelaw.solve(30.0, None, 0.3, one) for one in (rule, exact))
    assert found.error == pytest.approx(wanted.error, rel=1e-9)


@pytest.mark.parametrize("value", [5.0, np.nan, -0.1])
def test_values_between_the_points_of_the_first_look_are_checked(value):
    def w(z):
        return np.where(np.abs(z - 0.4005) < 0.0004, value, 0.5)

    with pytest.raises(prunelaw.InputError, match=r"w must be in \[0, 1\], got .* at 0\.400"):
        Function(w)


def test_values_are_checked_where_they_are_used():
    rule = Function(lambda z: np.where(np.abs(z - 0.40037) < 1e-8, 5.0, 0.5))
    with pytest.raises(prunelaw.InputError, match=r"w must be in \[0, 1\], got 5 at -0\.40037"):
        rule.weight(np.array([1.0, -0.40037]))


def test_cuts_of_a_jump_are_one_cut_and_too_many_are_none():
    cuts, enough = resolving_cuts(lambda z: (z > 0.123) * 1.0, 0.0, 10.0, ())
    assert enough and cuts == pytest.approx([0.123], abs=1e-12)
    assert resolving_cuts(lambda z: np.sin(1e4 * z) ** 2, 0.0, 10.0, ()) == ([], False)
