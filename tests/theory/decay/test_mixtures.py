"""Weighted mixtures against plain loops over ends of passes; best weights against brute force."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunelaw.decay.mixtures import best_weights, mixture_assumptions
from prunelaw.decay.utility import (
    CONVENTIONS,
    PUBLISHED,
    Pool,
    UtilityLaw,
    mixture_error,
    with_convention,
)
from prunelaw.errors import InputError

OFFICIAL = PUBLISHED["utility"]
PAPER = with_convention(OFFICIAL, "paper")
EFFECTIVE = PUBLISHED["effective_data"]


def some_pools(convention, a=0.03):
    laws = [
        UtilityLaw(a, b, tau, 0.07, convention)
        for b, tau in ((-0.2, 3.0), (-0.1, 9.0), (-0.3, math.inf))
    ]
    return [
        Pool(*x) for x in zip(("clean", "rest", "tiny"), (4e6, 1.1e7, 2.3e6), laws, strict=True)
    ]


def loop_over_ends(pools, seen, weights, stretch):
    """d log y/d log n, constant between ends of passes of any pool, in plain Python."""
    law = pools[0].law
    drawn = [(p, w) for p, w in zip(pools, weights, strict=True) if w > 0.0]
    delta = [0.5 ** (w**stretch / p.law.tau) for p, w in drawn]
    marks = sorted(
        {seen} | {k * p.size / w for p, w in drawn for k in range(1, int(seen * w / p.size) + 1)}
    )
    marks = [n for n in marks if n <= seen]
    y = math.exp(sum(w * p.law.b for p, w in drawn) * math.log(law.a * marks[0] / 1e5))
    y += law.d if law.convention == "official_code" else 0.0
    effective = marks[0]
    for start, end in pairwise(marks):
        made = [math.floor((start + end) / 2 * w / p.size) for p, w in drawn]
        worth = [w * x**m for x, m, (_, w) in zip(delta, made, drawn, strict=True)]
        useful = sum(x * p.law.b for x, (p, _) in zip(worth, drawn, strict=True))
        if law.convention == "effective_data":
            grown = effective + sum(worth) * (end - start)
            y *= (grown / effective) ** (useful / sum(worth))
            effective = grown
        else:
            y *= (end / start) ** useful
    return y if law.convention == "official_code" else y + law.d


class TestWeights:
    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(
        raw=st.lists(st.floats(0.02, 1.0), min_size=3, max_size=3),
        seen=st.floats(4e6, 1e9),
        stretch=st.sampled_from([0.0, 0.5, 1.0]),
    )
    def test_against_a_loop(self, convention, raw, seen, stretch):
        weights = np.array(raw) / sum(raw)
        pools = some_pools(convention)
        got = float(mixture_error(pools, seen, weights=weights, stretch=stretch))
        assert got == pytest.approx(loop_over_ends(pools, seen, weights, stretch), rel=1e-11)

    @pytest.mark.parametrize("convention", CONVENTIONS)
    @given(seen=st.floats(1e4, 1e10))
    def test_uniform_weights_are_the_published_rule(self, convention, seen):
        pools = some_pools(convention)
        share = np.array([p.size for p in pools]) / sum(p.size for p in pools)
        np.testing.assert_allclose(
            mixture_error(pools, seen, weights=share), mixture_error(pools, seen), rtol=1e-12
        )

    @pytest.mark.parametrize("convention", CONVENTIONS)
    def test_weight_zero_leaves_a_pool_out(self, convention):
        pools, seen = some_pools(convention), np.geomspace(1e5, 1e9, 7)
        np.testing.assert_allclose(
            mixture_error(pools, seen, weights=[0.25, 0.0, 0.75]),
            mixture_error([pools[0], pools[2]], seen, weights=[0.25, 0.75]),
            rtol=1e-14,
        )
        np.testing.assert_allclose(
            mixture_error(pools, seen, weights=[0, 1, 0]),
            mixture_error(pools[1:2], seen),
            rtol=1e-12,
        )

    def test_half_lives_that_do_not_stretch(self):
        """Two equal pools: τ per showing, so that the union of them is one pool twice as large."""
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1)
        seen = np.array([1e6, 3e7, 1e9])
        pools = [Pool(name, 1e6, law) for name in "ab"]
        np.testing.assert_allclose(
            mixture_error(pools, seen, stretch=0.0), law.error(seen, 2e6), rtol=1e-13
        )

    @pytest.mark.parametrize("convention", ["paper", "official_code"])
    def test_the_published_rule_is_the_more_generous_one(self, convention):
        pools = some_pools(convention)
        seen = np.geomspace(1e8, 1e10, 5)
        errors = [mixture_error(pools, seen, stretch=s) for s in (0.0, 0.3, 1.0)]
        assert (errors[0] > errors[1]).all() and (errors[1] > errors[2]).all()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"weights": [0.5, 0.5]}, "weights must be one number a pool, 3"),
            ({"weights": [0.5, 0.5, 0.5]}, "weights must sum to 1"),
            ({"weights": [1.5, -0.5, 0.0]}, "weights must be finite and in"),
            ({"stretch": -1.0}, "stretch must be"),
            ({"stretch": [1.0, 1.0]}, "stretch must be one number"),
            ({"samples_seen": 0.5}, "samples_seen must be finite and in"),
        ],
    )
    def test_bad_input(self, change, message):
        with pytest.raises(InputError, match=message):
            mixture_error(**{"pools": some_pools("paper"), "samples_seen": 1e7, **change})

    def test_names_must_differ(self):
        law = UtilityLaw(0.025, -0.16, 6.7, 0.1)
        with pytest.raises(InputError, match="different names: 'x' occurs twice"):
            mixture_error([Pool("x", 1e6, law), Pool("x", 2e6, law)], 1e7)

    def test_too_many_ends_are_refused(self):
        pools = [Pool(n, 1.0, UtilityLaw(1e5, -0.1, math.inf, 0.1, "effective_data")) for n in "ab"]
        with pytest.raises(InputError, match="ends of passes"):
            mixture_error(pools, 1e8, weights=[0.3, 0.7])


class TestAssumptions:
    def test_uniform_draws_of_equal_pools_are_the_theorem(self):
        sentences = mixture_assumptions(OFFICIAL)
        assert sum(s.startswith("Theorem:") for s in sentences) == 2
        assert not any(s.startswith("Extension:") for s in sentences)

    def test_extensions_are_named(self):
        sentences = mixture_assumptions(some_pools("paper"), weights=[0.2, 0.3, 0.5], stretch=0.0)
        assert sum(s.startswith("Extension:") for s in sentences) == 2
        assert any("clean 0.2, rest 0.3, tiny 0.5" in s for s in sentences)
        assert any("2.3e+06 to 1.1e+07" in s for s in sentences)


class TestBestWeights:
    @pytest.mark.parametrize(
        "pools, stretch",
        [
            (PAPER, 1.0),
            (OFFICIAL, 0.0),
            pytest.param(PAPER, 0.0, marks=pytest.mark.exhaustive),
            pytest.param(OFFICIAL, 1.0, marks=pytest.mark.exhaustive),
        ],
    )
    def test_against_a_grid_of_the_simplex(self, pools, stretch):
        pools = pools[:3]
        choice = best_weights(pools, 640e6, stretch=stretch)
        steps = 20
        grid = [
            (i / steps, j / steps, (steps - i - j) / steps)
            for i in range(steps + 1)
            for j in range(steps + 1 - i)
        ]
        errors = [float(mixture_error(pools, 640e6, weights=w, stretch=stretch)) for w in grid]
        assert choice.error <= min(errors)
        assert choice.error == pytest.approx(min(errors), rel=1e-3)
        assert np.abs(choice.weights - grid[int(np.argmin(errors))]).max() < 2.0 / steps

    @pytest.mark.parametrize(
        "seen", [128e6, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (32e6, 5e9))]
    )
    def test_what_it_returns_holds_together(self, seen):
        choice = best_weights(PAPER, seen)
        assert choice.weights.sum() == pytest.approx(1.0, abs=1e-12)
        assert (choice.weights >= 0.0).all()
        again = mixture_error(PAPER, seen, weights=choice.weights)
        assert choice.error == pytest.approx(float(again), rel=1e-13)
        members = [p for p in PAPER if p.name in choice.union]
        assert choice.union_error == pytest.approx(float(mixture_error(members, seen)), rel=1e-13)
        assert choice.gain >= -1e-14
        assert choice.violation < 2e-7
        assert not choice.beyond_range

    def test_certificate_is_the_steepest_fall(self):
        """At a point that is no optimum: one-sided differences of the error itself."""
        from prunelaw.decay.mixtures import _Search

        for pools in (PAPER, OFFICIAL):
            search = _Search.of(pools, 640e6, 1.0)
            weights = np.array([0.5, 0.3, 0.2, 0.0])
            slopes = search.slopes(weights)
            for i, j in [(0, 1), (1, 0), (2, 3), (1, 3), (0, 3)]:
                step = 1e-6 * (np.eye(4)[j] - np.eye(4)[i])
                errors = [
                    float(mixture_error(pools, 640e6, weights=weights + k * step))
                    for k in (0, 1, 2)
                ]
                fall = (4.0 * errors[1] - errors[2] - 3.0 * errors[0]) / 2e-6
                assert slopes[i, j] == pytest.approx(fall, abs=2e-8)

    def test_slopes_at_the_end_of_a_pass_are_one_sided(self):
        from prunelaw.decay.mixtures import _Search

        search = _Search.of(PAPER[:2], 128e6, 0.0)
        weights = np.array([0.7, 0.3])  # 7 and 3 passes
        there, back = search.slopes(weights)[0, 1], search.slopes(weights)[1, 0]
        step = np.array([-1e-6, 1e-6])
        at, ahead, behind = search.errors(np.stack([weights, weights + step, weights - step]))
        assert there == pytest.approx((ahead - at) / 1e-6, abs=1e-5)
        assert back == pytest.approx((behind - at) / 1e-6, abs=1e-5)
        assert there + back > 1e-3  # a kink: the two do not add to 0

    @settings(max_examples=3)
    @given(
        b=st.lists(st.floats(-0.4, -0.01), min_size=3, max_size=3),
        tau=st.lists(st.floats(0.3, 100.0), min_size=3, max_size=3),
        seen=st.floats(6e6, 1e9),
    )
    def test_per_showing_no_weights_do_better(self, b, tau, seen):
        """stretch = 0 is convex: against random weights, at any parameters."""
        laws = [UtilityLaw(0.03, x, t, 0.1) for x, t in zip(b, tau, strict=True)]
        pools = [Pool(n, s, law) for n, s, law in zip("abc", (1e6, 3e6, 2e7), laws, strict=True)]
        choice = best_weights(pools, seen, stretch=0.0)
        assert choice.optimum == "global"
        for weights in np.random.default_rng(0).dirichlet([0.5] * 3, 30):
            other = float(mixture_error(pools, seen, weights=weights, stretch=0.0))
            assert other >= choice.error * (1 - 1e-9)

    def test_one_pool(self):
        choice = best_weights(PAPER[:1], 1e8)
        assert choice.weights.tolist() == [1.0] and choice.gain == 0.0 and choice.violation == 0.0

    def test_effective_data_is_refused(self):
        with pytest.raises(InputError, match="effective_data is not supported"):
            best_weights(EFFECTIVE, 1e8)
