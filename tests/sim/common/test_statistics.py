"""One helper each for standard errors, intervals and lack of fit, against SciPy's distributions."""

import math

import numpy as np
import pytest
from scipy import stats

from prunelaw_sim.common.statistics import (
    lack_of_fit,
    quantile_interval,
    standard_error,
    student_interval,
    student_quantile,
)


def test_standard_error_of_means_and_of_too_few():
    values = np.random.default_rng(0).normal(size=(3, 7))
    np.testing.assert_allclose(standard_error(values), stats.sem(values, axis=1))
    assert standard_error(values[0]) == pytest.approx(stats.sem(values[0]))
    assert math.isnan(standard_error([1.0])) and np.isnan(standard_error(values[:, :1])).all()


def test_students_quantile_and_interval():
    assert student_quantile(0.9, 7) == pytest.approx(stats.t.ppf(0.95, 7), rel=1e-12)
    assert student_quantile(0.9, 7, tests=5) == pytest.approx(stats.t.ppf(0.99, 7), rel=1e-12)
    assert student_quantile(0.9, math.inf) == pytest.approx(stats.norm.ppf(0.95), rel=1e-12)
    low, high = student_interval(1.0, 0.5, 7, 0.9)
    assert (low + high, high - low) == pytest.approx((2.0, stats.t.ppf(0.95, 7)))


def test_quantile_interval_leaves_unknown_draws_out():
    draws = np.arange(101.0)
    assert quantile_interval(draws, 0.9) == pytest.approx((5.0, 95.0))
    assert quantile_interval(np.append(draws, np.nan), 0.9) == pytest.approx((5.0, 95.0))


def test_lack_of_fit_is_chi_square_or_f():
    assert lack_of_fit(12.0, 5) == pytest.approx(stats.chi2.sf(12.0, 5), rel=1e-12)
    assert lack_of_fit(12.0, 5, known=9) == pytest.approx(stats.f.sf(2.4, 5, 9), rel=1e-12)
