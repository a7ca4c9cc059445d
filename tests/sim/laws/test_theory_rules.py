"""Bands of ranks and bands of |z| keep the same examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.errors import InputError
from prunelaw.keep import as_rule
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.laws.theory_rules import band_centre, theory_rule, theory_rules


@given(
    centre=st.floats(0, 1), f=st.floats(0.05, 0.95), seed=st.integers(0, 99)
)  # fmt: skip
def test_a_band_around_a_quantile_keeps_the_same_examples(centre, f, seed):
    """Of 4000 normal fields the two differ by the sampling of quantiles, 1/sqrt(P), alone."""
    z = np.random.default_rng(seed).normal(size=4000)
    kept = kept_examples(-np.abs(z), f, f"band:{centre}")
    weight = as_rule(theory_rule(f"band:{centre}", f)).weight(np.abs(z), f)
    by_theory = np.zeros(len(z))
    by_theory[kept] = 1
    assert np.mean(np.abs(by_theory - weight)) < 0.06


@given(low=st.floats(0, 0.5), width=st.floats(0.1, 0.5), share=st.floats(0.2, 1))
def test_a_wide_band_is_thinned(low, width, share):
    f = share * width
    rule = as_rule(theory_rule(f"band:{low!r},{low + width!r}", f))
    fraction = rule.fraction(np.zeros(1))
    assert fraction is None or fraction == pytest.approx(f, rel=1e-6)


def test_ends_of_the_ranks_are_easy_and_hard():
    assert [theory_rule(f"band:{c}", 0.3) for c in (0, 0.1, 0.9, 1)] == [
        "easy", "easy", "hard", "hard",
    ]  # fmt: skip
    assert theory_rule("band:0,0.3", 0.3) == "easy" and theory_rule("band:0.7,1", 0.3) == "hard"
    assert [theory_rule(r, 0.3) for r in ("hard", "easy", "random")] == ["hard", "easy", "random"]


@given(centre=st.floats(0.2, 0.8), f=st.floats(0.05, 0.35))
def test_the_centre_of_a_band_gives_it_back(centre, f):
    band = theory_rule(f"band:{centre}", f)
    assert band_centre(band.low, band.high) == pytest.approx(centre, abs=1e-9)


def test_rules_broadcast():
    found = theory_rules(["hard", "band:0.5"], np.array([[0.2], [0.4]]))
    assert found.shape == (2, 2) and found[0, 0] == "hard"
    assert float(found[1, 1].fraction(np.zeros(1))[0]) == pytest.approx(0.4)


@pytest.mark.parametrize("rule", ["el2n", "band:", "band:2", "band:0.6,0.2", "band:a", 3])
def test_other_rules_are_refused(rule):
    with pytest.raises(InputError, match="rule must be one of hard, easy"):
        theory_rule(rule, 0.3)


def test_narrow_bands_and_bands_of_fields_are_refused():
    with pytest.raises(InputError, match=r"at most that, got 0\.3"):
        theory_rule("band:0.2,0.4", 0.3)
    with pytest.raises(InputError, match="a band of a simulated sweep"):
        theory_rule("band:0.17,0.43", 0.1978)
