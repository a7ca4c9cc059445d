"""Best schedules against every order of showings, a dynamic programme and a linear programme."""

import math
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from prunelaw.decay.schedule import best_schedule
from prunelaw.decay.utility import PUBLISHED, Pool, UtilityLaw, mixture_error, with_convention
from prunelaw.errors import InputError

PAPER = with_convention(PUBLISHED["utility"], "paper")
UNIT = 1e4  # samples; sizes and n0 are multiples of it below
UTILITIES = st.lists(st.floats(-0.4, -0.01), min_size=2, max_size=3)
HALF_LIVES = st.lists(st.floats(0.2, 30.0), min_size=3, max_size=3)


def pools_of(b, tau, sizes, start=1):
    """Pools of `sizes` units; the law starts after `start` units."""
    laws = [UtilityLaw(1e5 / (start * UNIT), x, t, 0.1) for x, t in zip(b, tau, strict=False)]
    return [Pool(n, s * UNIT, law) for n, s, law in zip("abc", sizes, laws, strict=False)]


def value(pool, units):
    """What the next unit of a pool is worth when `units` of it were shown."""
    return -pool.law.b * 0.5 ** (math.floor(units * UNIT / pool.size + 1e-9) / pool.law.tau)


def error_of_order(pools, order, start):
    """One unit after another, in plain Python; `order` lists the pool of each unit."""
    used, log_y = [0] * len(pools), 0.0
    for t, i in enumerate(order):
        if t >= start:
            log_y -= value(pools[i], used[i]) * math.log((t + 1) / t)
        used[i] += 1
    return math.exp(log_y) + 0.1


def best_by_dynamic_programme(pools, warm_up, total):
    """Least error from the units used in `warm_up` on, over every order of units."""

    @cache
    def gain(used):
        t = sum(used)
        if t == total:
            return 0.0
        step = math.log((t + 1) / t)
        return max(
            value(p, used[i]) * step + gain(tuple(u + (i == j) for j, u in enumerate(used)))
            for i, p in enumerate(pools)
        )

    return math.exp(-gain(warm_up)) + 0.1


def units_of(schedule, pools):
    """The pool of each unit of a schedule."""
    names = [p.name for p in pools]
    order = []
    for s in schedule.segments:
        order += [names.index(s.pool)] * round((s.end - s.start) / UNIT)
    return order


class TestBestOrder:
    @settings(max_examples=20)
    @given(b=UTILITIES, tau=HALF_LIVES)
    def test_against_every_order_of_chunks(self, b, tau):
        pools = pools_of(b, tau, (1, 1, 1))
        schedule = best_schedule(pools, 6 * UNIT)
        first = units_of(schedule, pools)[0]
        orders = product(range(len(pools)), repeat=5)
        best = min(error_of_order(pools, (first, *rest), 1) for rest in orders)
        assert schedule.error == pytest.approx(best, rel=1e-13)

    @settings(max_examples=20)
    @given(
        b=UTILITIES,
        tau=HALF_LIVES,
        sizes=st.tuples(*[st.integers(1, 5)] * 3),
        start=st.integers(1, 4),
        total=st.integers(5, 14),
    )
    def test_against_a_dynamic_programme(self, b, tau, sizes, start, total):
        pools = pools_of(b, tau, sizes, start)
        schedule = best_schedule(pools, total * UNIT)
        order = units_of(schedule, pools)
        assert schedule.error == pytest.approx(error_of_order(pools, order, start), rel=1e-12)
        warm_up = tuple(order[:start].count(i) for i in range(len(pools)))
        best = best_by_dynamic_programme(pools, warm_up, total)
        assert schedule.error == pytest.approx(best, rel=1e-12)
        anything = min(
            best_by_dynamic_programme(pools, used, total)
            for used in product(range(start + 1), repeat=len(pools))
            if sum(used) == start
        )
        assert schedule.bound <= anything * (1 + 1e-12)

    @pytest.mark.parametrize("seed", range(4))
    def test_bound_against_a_linear_programme(self, seed):
        """Which chunk fills which unit of the clock, with nothing used before n0."""
        rng = np.random.default_rng(seed)
        pools = pools_of(-rng.uniform(0.05, 0.4, 3), rng.uniform(0.5, 10.0, 3), (1, 2, 3), 2)
        total, start = 12, 2
        units = [value(p, u) for p in pools for u in range(total)]
        worth = np.outer(units, [math.log((t + 1) / t) for t in range(start, total)])
        chunks, slots = worth.shape
        once = np.kron(np.eye(chunks), np.ones(slots))
        filled = np.kron(np.ones(chunks), np.eye(slots))
        found = linprog(-worth.ravel(), once, np.ones(chunks), filled, np.ones(slots))
        bound = best_schedule(pools, total * UNIT).bound
        assert bound == pytest.approx(math.exp(found.fun) + 0.1, rel=1e-9)


class TestSchedule:
    @pytest.mark.parametrize("seen", [4e6, 32e6, 128e6, 640e6])
    def test_beats_whatever_is_fixed(self, seen):
        schedule = best_schedule(PAPER, seen)
        assert schedule.bound <= schedule.error <= schedule.weights_error + 1e-14
        assert schedule.weights_error <= schedule.union_error + 1e-14
        members = [p for p in PAPER if p.name in schedule.union]
        union = float(mixture_error(members, seen, stretch=0.0))
        assert schedule.union_error == pytest.approx(union, rel=1e-13)
        weights = float(mixture_error(PAPER, seen, weights=schedule.weights, stretch=0.0))
        assert schedule.weights_error == pytest.approx(weights, rel=1e-13)
        assert schedule.gain == schedule.weights_error - schedule.error

    def test_segments_cover_the_clock_pass_by_pass(self):
        schedule = best_schedule(PAPER, 640e6)
        assert schedule.segments[0].start == 0.0
        assert schedule.segments[-1].end == 640e6
        for before, after in pairwise(schedule.segments):
            assert before.end == after.start and before.pool != after.pool
        for pool in PAPER:
            mine = [s for s in schedule.segments if s.pool == pool.name]
            assert [s.first_pass for s in mine] == [1, *(s.last_pass + 1 for s in mine[:-1])]
            for s in mine:
                if s.end < 640e6:
                    passes = s.last_pass - s.first_pass + 1
                    assert s.end - s.start == pytest.approx(passes * pool.size)

    def test_one_pool_is_the_law(self):
        for seen in (4e6, 5e6, 12.8e6, 1e9):
            schedule = best_schedule(PAPER[:1], seen)
            wanted = float(PAPER[0].law.error(seen, PAPER[0].size))
            assert schedule.error == pytest.approx(wanted, rel=1e-13)
            assert len(schedule.segments) == 1

    def test_without_decay_the_best_pool_is_all(self):
        pools = pools_of((-0.1, -0.3), (math.inf, math.inf), (2, 3))
        schedule = best_schedule(pools, 50 * UNIT)
        assert [s.pool for s in schedule.segments] == ["b"]

    @pytest.mark.parametrize(
        ("pools", "seen", "message"),
        [
            (PUBLISHED["utility"], 1e8, "convention must be paper"),
            (PUBLISHED["effective_data"], 1e8, "convention must be paper"),
            (PAPER, 3e6, r"samples_seen must be finite and in \[4e\+06"),
            (PAPER, [1e8, 2e8], "samples_seen must be one number"),
            (PAPER, 1e15, "passes over one of the pools"),
        ],
    )
    def test_refused(self, pools, seen, message):
        with pytest.raises(InputError, match=message):
            best_schedule(pools, seen)
