"""Compute-optimal allocation: closed forms, published optima, and searches without calculus."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from prunelaw.decay.allocation import compute_optimal
from prunelaw.decay.repetition import PUBLISHED, DataConstrained
from prunelaw.errors import InputError

C4 = PUBLISHED["muennighoff2023"].law


class TestPublished:
    def test_rounded_chinchilla_against_its_refit(self):
        """5.76e23 operations: 32B parameters of 3.0T tokens by the rounded constants of
        hoffmann2022, 72B of 1.33T by besiroglu2024, near the 70B of 1.4T that was trained."""
        rounded = compute_optimal(PUBLISHED["hoffmann2022"].law, 5.76e23)
        refit = compute_optimal(PUBLISHED["besiroglu2024"].law, 5.76e23)
        assert rounded.parameters == pytest.approx(3.2e10, rel=0.01)
        assert rounded.samples_seen == pytest.approx(3.0e12, rel=0.01)
        assert refit.parameters == pytest.approx(72e9, rel=0.01)
        assert refit.samples_seen == pytest.approx(1.33e12, rel=0.01)

    def test_figure_1_of_the_data_constrained_law(self):
        """9.3e21 operations, 25B unique tokens: 6.34B parameters, 242B tokens, 9.7 epochs.

        The parameters are those of the nearest model that was built (6.403B is the law's).
        """
        best = compute_optimal(PUBLISHED["muennighoff2023_free"].law, 9.3e21, 25e9)
        assert best.samples_seen == pytest.approx(242e9, abs=0.5e9)
        assert best.epochs == pytest.approx(9.7, abs=0.05)
        assert best.parameters == pytest.approx(6.34e9, rel=0.015)

    def test_figure_1_is_not_that_of_the_constants_of_the_appendix(self):
        best = compute_optimal(C4, 9.3e21, 25e9)
        assert best.samples_seen == pytest.approx(227.4e9, rel=1e-3)
        assert best.epochs == pytest.approx(9.10, abs=0.01)


def data_used(best):
    """The unique samples of an allocation."""
    return best.samples_seen / best.epochs


class TestOptimum:
    @given(
        alpha=st.floats(0.1, 1.0),
        beta=st.floats(0.1, 1.0),
        log_ratio=st.floats(-5.0, 5.0),
        r_d=st.one_of(st.floats(1e-2, 1e3), st.just(math.inf)),
        r_n=st.one_of(st.floats(1e-2, 1e3), st.just(math.inf)),
        compute=st.floats(16.0, 26.0),
        unique=st.one_of(st.floats(6.0, 13.0), st.just(math.inf)),
    )
    def test_no_other_size_is_better(self, alpha, beta, log_ratio, r_d, r_n, compute, unique):
        law = DataConstrained(0.0, 400.0 * math.exp(log_ratio), 400.0, alpha, beta, r_d, r_n)
        budget, data = 10.0**compute, 10.0**unique
        best = compute_optimal(law, budget, data)
        # log N and log D, of some 30, are known to rounding; e^(−R/R*) magnifies that by R/R*.
        decay = best.epochs / r_d + best.parameters / law.matched_parameters(data_used(best)) / r_n
        assert abs(float(best.imbalance)) < 30 * 1e-15 * (1.0 + float(decay))
        assert 6.0 * best.parameters * best.samples_seen == pytest.approx(budget, rel=1e-12)
        sizes = best.parameters * np.geomspace(1e-3, 1e3, 401)
        seen = budget / 6.0 / sizes
        losses = law.loss(seen, np.minimum(seen, data), sizes)
        assert float(best.loss) <= losses.min() * (1.0 + 1e-12)

    @pytest.mark.parametrize("compute", [1e19, 1e21, 1e22, 1e23])
    def test_against_a_search(self, compute):
        def loss(log_n):
            seen = compute / 6.0 / np.exp(log_n)
            return float(C4.loss(seen, min(seen, 1e10), np.exp(log_n)))

        best = compute_optimal(C4, compute, 1e10)
        close = {"xatol": 1e-9}
        found = minimize_scalar(loss, bounds=(15.0, 30.0), method="bounded", options=close)
        assert math.log(float(best.parameters)) == pytest.approx(found.x, abs=1e-6)
        assert float(best.loss) == pytest.approx(found.fun, rel=1e-14)

    def test_closed_form_without_repeats(self):
        best = compute_optimal(C4, [1e20, 1e22])
        size = np.sqrt(C4.A / C4.B) ** (1 / C4.alpha) * np.sqrt(np.array([1e20, 1e22]) / 6.0)
        np.testing.assert_allclose(best.parameters, size, rtol=1e-13)
        np.testing.assert_array_equal(best.epochs, 1.0)
        np.testing.assert_allclose(C4.matched_parameters(best.samples_seen), size, rtol=1e-12)

    def test_scarce_data_take_more_epochs_before_more_parameters(self):
        """R*_N < R*_D: beyond the unrepeated line, epochs grow faster than the model."""
        best = compute_optimal(C4, np.geomspace(1e21, 1e24, 30), 1e10)
        excess = best.parameters / C4.matched_parameters(1e10)
        assert (np.diff(best.epochs) > 0).all()
        assert (best.epochs[-10:] > 1.5 * excess[-10:]).all()

    def test_broadcasts(self):
        best = compute_optimal(C4, np.array([1e20, 1e23])[:, None], [1e9, 1e10, math.inf])
        assert best.loss.shape == (2, 3)
        assert (np.diff(best.loss, axis=1) <= 0).all()
        assert best.loss[1, 1] == compute_optimal(C4, 1e23, 1e10).loss


class TestBadInput:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda: compute_optimal(C4, 0.0), "compute"),
            (lambda: compute_optimal(C4, math.inf), "compute"),
            (lambda: compute_optimal(C4, 1e20, 0.0), "unique_samples"),
            (lambda: compute_optimal(C4, 1e20, math.nan), "unique_samples"),
            (lambda: compute_optimal(C4, 1e20, "x"), "unique_samples"),
            (lambda: compute_optimal("C4", 1e20), "law must be"),  # type: ignore
            (lambda: compute_optimal(DataConstrained(1, 1, 1, 1, 1, 0.0, 1.0), 1e20), "law.r_d"),
            (lambda: compute_optimal(DataConstrained(1, 1, 1, 1, 1, 1.0, 0.0), 1e20), "law.r_n"),
            (lambda: compute_optimal(DataConstrained(1, 1e300, 1, 0.01, 0.01), 1e20), "floats"),
        ],
    )
    def test_is_named(self, call, message):
        with pytest.raises(InputError, match=message):
            call()
