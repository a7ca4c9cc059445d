"""Bands of ranks and bands of |z| keep the same examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prunelaw
from prunelaw.errors import InputError
from prunelaw.keep import Band, as_rule
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.laws.theory_rules import band_centre, theory_rule, theory_rules


@given(
    centre=st.floats(0, 1), f=st.floats(0.05, 0.95), seed=st.integers(0, 99)
)  # fmt: skip
def test_a_band_around_a_quantile_keeps_the_same_examples(centre, f, seed):
    """Of 4000 normal fields the two differ by the sampling of quantiles, 1/sqrt(P), alone."""
    z = np.random.default_rng(seed).normal(size=4000)
    kept = kept_examples(-np.abs(z), f, f"quantiles:{centre}")
    weight = as_rule(theory_rule(f"quantiles:{centre}", f)).weight(np.abs(z), f)
    by_theory = np.zeros(len(z))
    by_theory[kept] = 1
    assert np.mean(np.abs(by_theory - weight)) < 0.06


@given(low=st.floats(0, 0.5), width=st.floats(0.1, 0.5), share=st.floats(0.2, 1))
def test_a_wide_band_is_thinned(low, width, share):
    f = share * width
    rule = theory_rule(f"quantiles:{low!r},{low + width!r}", f)
    assert rule.segments(np.array([f]), np.zeros(1)).mass == pytest.approx(f, rel=1e-6)


def test_ends_of_the_ranks_are_easy_and_hard():
    """Whatever the spelling: the theory's error is the same."""
    ends = [f"quantiles:{c}" for c in (0, 0.1, 0.9, 1)] + ["quantiles:0,0.3", "quantiles:0.7,1"]
    errors = prunelaw.solve(3.0, 0.3, 0.4, theory_rules(ends, 0.3)).error
    easy, hard = (prunelaw.solve(3.0, 0.3, 0.4, rule).error for rule in ("easy", "hard"))
    np.testing.assert_allclose(errors, [easy, easy, hard, hard, easy, hard], rtol=1e-12)


@given(centre=st.floats(0.2, 0.8), f=st.floats(0.05, 0.35))
def test_the_centre_of_a_band_gives_it_back(centre, f):
    """The same segments as the band in |z|."""
    found = theory_rule(f"quantiles:{centre}", f).segments(np.array([f]), np.zeros(1))
    low, high = float(found.low[0, 0]), float(found.high[0, 0])
    assert band_centre(low, high) == pytest.approx(centre, abs=1e-9)
    assert Band(low, high).fraction(np.zeros(1)) == pytest.approx(f, rel=1e-9)


def test_rules_broadcast():
    found = theory_rules(["hard", "quantiles:0.5"], np.array([[0.2], [0.4]]))
    assert found.shape == (2, 2) and found[0, 0].name == "hard"
    assert found[1, 1].segments(np.array([0.4]), np.zeros(1)).mass == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("el2n", "rule must be hard, easy"),
        ("quantiles:", "'' is not a number"),
        ("quantiles:2", r"of quantiles in \[0, 1\]"),
        ("quantiles:0.6,0.2", "LOW < HIGH"),
        ("quantiles:0.1,0.2,0.3", "one centre or two edges"),
        ("band:0.5", "a band around a quantile of hardness is quantiles:CENTRE"),
        (3, "rule must be a name"),
    ],
)
def test_other_rules_are_refused(rule, message):
    with pytest.raises(InputError, match=message):
        theory_rule(rule, 0.3)


def test_bands_that_cannot_keep_the_fraction_are_refused():
    with pytest.raises(InputError, match=r"at most that, got 0\.3"):
        theory_rule("quantiles:0.2,0.4", 0.3)
    with pytest.raises(InputError, match=r"f must be 0\.197.*which the rule band:0.17,0.43"):
        theory_rule("band:0.17,0.43", 0.3)
