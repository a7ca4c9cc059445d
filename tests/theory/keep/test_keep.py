"""Keep rules: fractions, thresholds, weights, and the errors for impossible ones."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prunelaw
from prunelaw.keep import (
    Band,
    Function,
    Hard,
    Mixture,
    Piecewise,
    SignedBand,
    as_rule,
    checked_fraction,
)
from prunelaw.keep.rule import signed_margin_mass
from prunelaw.numerics.gaussian import normal_cdf, signed_margin_cdf, signed_margin_quantile

ANY_FRACTION = ("hard", "easy", "random", "signed-hard", "signed-easy", "mix:0.3,hard")


def kept_mass(segments, theta):
    """E[w] over t > 0, the density of m being 2φ(m)Φ(m cot θ)."""
    mass = signed_margin_mass(segments.low, segments.high, theta[:, None])
    return np.sum(segments.weight * mass, axis=1)


@settings(max_examples=40)
@given(st.sampled_from(ANY_FRACTION), st.floats(-4, 0), st.floats(0, np.pi / 2))
def test_segments_hold_the_fraction(rule, log_f, theta):
    f, angle = np.array([10**log_f]), np.array([theta])
    np.testing.assert_allclose(kept_mass(as_rule(rule).segments(f, angle), angle), f, rtol=1e-10)


@pytest.mark.parametrize("theta", [1e-3, 0.4, 1.5, np.pi / 2])
def test_signed_margin_is_skew_normal(theta):
    """P(m < x) by 30-digit quadrature of 2φ(m)Φ(m cot θ)."""
    for x in (-2.0, -0.3, 0.01, 1.7):
        with mp.workdps(30):
            cot = mp.cos(theta) / mp.sin(theta)
            cuts = [-mp.inf, *(c for c in (-5 / cot, 0, 5 / cot) if -30 < c < x), x]
            exact = mp.quad(lambda m, cot=cot: 2 * mp.npdf(m) * mp.ncdf(m * cot), cuts)
        found = signed_margin_cdf(np.array(x), np.array(theta))
        assert float(found) == pytest.approx(float(exact), rel=1e-12, abs=1e-16)


def test_signed_quantile_at_both_ends_of_theta():
    f = np.array([1e-4, 0.3, 0.9])
    on_axis = signed_margin_quantile(f, np.zeros(3))
    np.testing.assert_allclose(on_axis, prunelaw.threshold("hard", f), rtol=1e-12)
    across = signed_margin_quantile(f, np.full(3, np.pi / 2))
    np.testing.assert_allclose(normal_cdf(across), f, rtol=1e-13)


def test_bands_and_functions_imply_their_fraction():
    theta = np.array([0.5])
    low, high = 0.17, 0.43
    expected = 2 * (normal_cdf(np.array(high)) - normal_cdf(np.array(low)))
    band = Band(low, high).fraction(theta)
    step = Function(lambda z: ((z > low) & (z < high)) * 1.0, breakpoints=(low, high))
    piece = Piecewise((low, high), (1.0,))
    for implied in (band, step.fraction(theta), piece.fraction(theta)):
        np.testing.assert_allclose(implied, expected, rtol=1e-13)
    signed = SignedBand(-0.2, 0.7).fraction(theta)
    smooth = Function(lambda m: ((m > -0.2) & (m < 0.7)) * 1.0, "margin", (-0.2, 0.7))
    np.testing.assert_allclose(smooth.fraction(theta), signed, rtol=1e-12)
    np.testing.assert_allclose(Function(lambda z: np.exp(-z * z / 2)).fraction(theta), 0.5**0.5)


def test_rules_of_z_are_symmetrised():
    rule = Piecewise((0.2, 0.6), (1.0,), of="z")
    np.testing.assert_allclose(rule.weight(np.array([0.4, -0.4, 0.7])), [0.5, 0.5, 0.0])
    assert not rule.uses_labels and Piecewise((0, 1), (1,), of="margin").uses_labels


def test_weight_of_a_mixture():
    rule = Mixture(0.25, Hard())
    gamma = prunelaw.threshold("hard", 0.4)
    np.testing.assert_allclose(
        rule.weight([0.9 * gamma, -0.9 * gamma, 1.1 * gamma], 0.4), [0.85, 0.85, 0.1]
    )


@pytest.mark.parametrize("text", [*ANY_FRACTION, "band:0.17,0.43", "signed-band:-0.2,0.7"])
def test_names_read_back(text):
    rule = as_rule(text)
    assert rule.name == text and as_rule(rule.name) == rule and as_rule(rule) is rule
    assert rule.uses_labels == text.startswith("signed")


def test_threshold_is_public_and_checked():
    assert prunelaw.threshold("hard", 0.6826894921370859) == pytest.approx(1.0, rel=1e-14)
    assert prunelaw.threshold("easy", 0.31731050786291415) == pytest.approx(1.0, rel=1e-14)
    assert prunelaw.threshold("signed-hard", 0.5, np.pi / 2) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(prunelaw.InputError, match=r"f must be finite and in \(0, 1\], got 0.0"):
        prunelaw.threshold("hard", 0.0)
    with pytest.raises(prunelaw.InputError, match=r"rule must be one of hard, easy, .*'random'"):
        prunelaw.threshold("random", 0.5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Band(0.5, 0.2), "band must have low < high, got 0.5 and 0.2: it is empty"),
        (lambda: Band(-0.1, 0.2), "low of a band must be at least 0, got -0.1"),
        (lambda: Piecewise((0, 1), (1.5,)), r"weights must be finite and in \[0, 1\], got 1.5"),
        (lambda: Piecewise((0, 1), (0.0,)), "nothing would be kept"),
        (lambda: Piecewise((1, 0), (1.0,)), "edges must ascend"),
        (lambda: Piecewise((-1, 0), (1.0,)), "at least 0"),
        (lambda: Piecewise((0, 1, 2), (1.0,)), "edges must be one more than weights, got 3 and 1"),
        (lambda: Function(lambda z: z), r"w must be in \[0, 1\], got 10 at -10"),
        (lambda: Function(lambda z: 0 * z), "w must not be 0 everywhere"),
        (lambda: as_rule("band:a,b"), "'a' is not a number"),
        (lambda: checked_fraction(Band(50, 51), None, np.zeros(1)), "keeps nothing"),
    ],
)
def test_impossible_rules_are_named(make, message):
    with pytest.raises(prunelaw.InputError, match=message):
        make()


def test_pruned_fraction_converts():
    assert prunelaw.kept_from_pruned(0.25) == 0.75
    with pytest.raises(prunelaw.InputError, match="pruned"):
        prunelaw.kept_from_pruned(1.0)
