"""The optimal keep rule: known optima, its certificate, and what contains what."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prunelaw
from prunelaw.keep import Band, Piecewise
from prunelaw.perceptron.sensitivity import influence
from prunelaw.pruning.band import best_band
from prunelaw.pruning.optimal import optimal_rule


@pytest.fixture(scope="module")
def middle():
    return optimal_rule(30.0, 0.2, 0.5)


def test_the_optimum_between_easy_and_hard_is_a_band(middle):
    """α_tot 30, f .2, θ .5: neither hard (.1028) nor easy, but a band with ε ≈ .0514."""
    assert middle.error == pytest.approx(0.0513760417, rel=1e-8)
    ((low, high),) = middle.intervals
    assert (low, high) == (pytest.approx(0.180254, abs=2e-6), pytest.approx(0.444124, abs=2e-6))
    assert middle.errors["hard"] == pytest.approx(0.102803427367423, rel=1e-12)
    assert middle.gain == pytest.approx(1 - middle.error / middle.errors["random"])
    assert middle.certified and middle.violation < 1e-6
    assert all(start.error >= middle.error * (1 - 1e-9) for start in middle.starts)


def test_no_other_band_is_better(middle):
    """A scan over bands that keep the same fraction."""
    ranks = np.linspace(0.0, 0.79, 12)
    edges = prunelaw.threshold("hard", np.stack([np.maximum(ranks, 1e-12), ranks + 0.2]))
    bands = [Band(*pair) for pair in edges.T]
    errors = prunelaw.solve(30.0, None, 0.5, bands).error
    assert (errors > middle.error).all()
    assert errors.min() < 1.02 * middle.error  # and the scan passes close by


def test_the_rule_can_be_handed_on(middle):
    again = prunelaw.solve(30.0, None, 0.5, middle.rule)
    assert float(again.error) == pytest.approx(middle.error, rel=1e-10)
    assert float(again.f) == pytest.approx(0.2, rel=1e-9)


def test_influence_is_level_at_the_edges_and_lower_inside(middle):
    low, high = middle.intervals[0]
    z = np.array([low, high, 0.5 * (low + high), 0.5 * low, 2 * high])
    values = influence(z, 30.0, None, 0.5, middle.rule)
    np.testing.assert_allclose(values[:2], middle.cut, rtol=1e-6)
    assert values[2] < middle.cut < values[3:].min()


def test_moving_a_band_off_its_optimum_costs(middle):
    low, high = middle.intervals[0]
    mass = float(Band(low, high).fraction(np.zeros(())))
    for shift in (-1e-3, 1e-3):
        start = 2 * (prunelaw.numerics.gaussian.normal_cdf(np.array(low)) - 0.5) + shift
        edges = prunelaw.threshold("hard", np.array([start, start + mass]))
        assert float(prunelaw.solve(30.0, None, 0.5, Band(*edges)).error) > middle.error


@pytest.mark.exhaustive
def test_published_scan_is_improved_on():
    """theory.md quotes .0443 as the best of a coarse scan over bands."""
    found = optimal_rule(50.0, 0.2, 1.0)
    assert found.errors["hard"] == pytest.approx(0.0687, abs=5e-5)
    assert 0.985 * 0.0443 < found.error < 0.0443
    assert all(start.error >= found.error * (1 - 1e-9) for start in found.starts)


@pytest.mark.parametrize(
    "point, error",
    [
        ((3.0, 0.5, 0.5), 0.1891853502),
        pytest.param((30.0, 0.2, 0.5), 0.0451367430, marks=pytest.mark.exhaustive),
    ],
)
def test_signed_rules_contain_those_of_z(point, error):
    signed = optimal_rule(*point, signed=True)
    assert signed.certified and signed.error < min(signed.errors.values())
    assert signed.error < float(best_band(*point).error)
    assert signed.error == pytest.approx(error, rel=1e-8)
    again = prunelaw.solve(point[0], None, point[2], signed.rule)
    assert float(again.error) == pytest.approx(signed.error, rel=1e-9)


def test_signed_at_zero_angle_is_the_unsigned_rule():
    plain, signed = (optimal_rule(3.0, 0.5, 0.0, signed) for signed in (False, True))
    assert signed.intervals == plain.intervals and not signed.signed
    assert plain.error == pytest.approx(0.140564914562, rel=1e-9)
    assert plain.error < plain.errors["easy"]


@pytest.mark.exhaustive
@settings(max_examples=3)
@given(st.floats(-0.5, 2.5), st.floats(0.05, 0.8), st.floats(0.05, 1.4))
def test_never_worse_than_the_plain_rules(log_alpha, f, theta):
    found = optimal_rule(10**log_alpha, f, theta, throw=False)
    assert found.error <= min(found.errors.values()) * (1 + 1e-9)
    kept = Piecewise(found.rule.edges, found.rule.weights).fraction(np.zeros(()))
    assert float(kept) == pytest.approx(f, rel=1e-8)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((0.0, 0.2, 0.5), "alpha_tot must be finite and in"),
        ((3.0, 1.0, 0.5), r"f must be finite and in \(0, 1\), got 1.0"),
        ((3.0, 0.2, 2.0), "theta must be finite and in"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(prunelaw.InputError, match=message):
        optimal_rule(*arguments)
