"""Models of the other laws for fitting: values, exact derivatives, a finite box, and real fits."""

import math
from itertools import pairwise

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from prunelaw.decay.repetition import PUBLISHED
from prunelaw.errors import InputError
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws.data_constrained_model import PENALTIES, DataConstrainedModel
from prunelaw_sim.laws.power_law_model import PowerLawModel

TOP = 2.5  # bound of E and d


def of(**columns):
    return Table.of(pd.DataFrame(columns))


COLUMNS = {
    "samples_seen": [1e8, 2e9, 4e10, 9e11, 3e8, 6e10, 5e9],
    "unique_samples": [1e8, 1e9, 4e8, 1e8, 6e8, 6e10, 1e8],
    "parameters": [7e6, 1e9, 3e8, 1.4e7, 9e9, 2e8, 3e9],
}
RUNS = of(**COLUMNS)
OPTIONS = [
    {"tied": tied, "repeats": repeats, "saturates": saturates, "penalty": penalty}
    for tied in (False, True)
    for repeats in (False, True)
    for saturates in (False, True)
    for penalty in PENALTIES
]
MODELS = {
    "-".join(str(v) for v in options.values()): DataConstrainedModel(RUNS, TOP, **options)
    for options in OPTIONS
}
MODELS["power law"] = PowerLawModel(of(compute=np.geomspace(1e9, 1e13, 7)), TOP)
MODELS["power law with floor"] = PowerLawModel(
    of(compute=np.geomspace(1e9, 1e13, 7)), TOP, floor=True
)


def value(model, p):
    """Predictions by `prunelaw.decay.repetition`, from the law of one vector."""
    law = model.law(p)
    if isinstance(model, PowerLawModel):
        return law.error(np.exp(model._log_c))
    return law.loss(*map(np.array, COLUMNS.values()))


def plausible(model, rng, count):
    """Vectors around fits of real runs."""
    middle = {"E": 1.8, "A": 6.2, "B": 7.3, "alpha": -1.0, "beta": -1.0, "r_d": 2.7, "r_n": 1.6}
    middle |= {"c": -4.0, "q": -0.7, "p": -0.5, "r_star": 4.6, "k": 1.7, "s": -2.2, "d": 0.1}
    p = np.array([middle[name] for name in model.parameters])
    return np.clip(p + 0.3 * rng.normal(size=(count, p.size)), model.low, model.high)


@pytest.mark.parametrize("name", MODELS)
class TestEvaluate:
    def test_values_are_those_of_the_law(self, name):
        model = MODELS[name]
        p = plausible(model, np.random.default_rng(1), 5)
        got, _ = model.evaluate(p)
        np.testing.assert_allclose(got, [value(model, one) for one in p], rtol=1e-12)

    def test_jacobian_against_extrapolated_differences(self, name):
        """Central differences at h, h/2, h/4, extrapolated twice: relative error ~ h⁶ x⁷ + 1e-16/h,
        where a term goes as exp(x p), |x| ≤ 10: 1e-9.
        """
        model, step = MODELS[name], 2e-3
        p = plausible(model, np.random.default_rng(2), 4)
        loss, jacobian = model.evaluate(p)
        for i in range(p.shape[1]):
            slopes = []
            for h in (step, step / 2.0, step / 4.0):
                shift = h * np.eye(p.shape[1])[i]
                up, down = model.evaluate(p + shift)[0], model.evaluate(p - shift)[0]
                slopes.append((up - down) / (2.0 * h))
            better = [(4.0 * fine - coarse) / 3.0 for coarse, fine in pairwise(slopes)]
            want = (16.0 * better[1] - better[0]) / 15.0
            off = np.abs(jacobian[:, :, i] - want)
            assert (off < 1e-9 * (loss + np.abs(want))).all(), model.parameters[i]

    def test_batch_is_one_at_a_time(self, name):
        model = MODELS[name]
        p = plausible(model, np.random.default_rng(3), 6)
        together = model.evaluate(p)
        for i in range(len(p)):
            alone = model.evaluate(p[i : i + 1])
            np.testing.assert_allclose(together[0][i], alone[0][0], rtol=1e-15)
            np.testing.assert_allclose(together[1][i], alone[1][0], rtol=1e-13, atol=1e-300)

    def test_finite_in_the_whole_box(self, name):
        model = MODELS[name]
        rng = np.random.default_rng(4)
        p = rng.uniform(model.low, model.high, size=(300, model.low.size))
        corner = rng.random(size=p.shape)
        p = np.where(corner < 0.2, model.low, np.where(corner > 0.8, model.high, p))
        loss, jacobian = model.evaluate(p)
        assert np.isfinite(loss).all()
        assert np.isfinite(jacobian).all()
        assert (loss >= 0.0).all()

    def test_describes_its_coordinates(self, name):
        model = MODELS[name]
        assert len(model.parameters) == len(model.kinds) == model.low.size == model.high.size
        assert (model.low < model.high).all()
        p = plausible(model, np.random.default_rng(5), 1)[0]
        law = model.law(p)
        law = vars(law) | vars(getattr(law, "law", law))
        natural = {"log": math.exp, "neglog": lambda x: -math.exp(x), "linear": float}
        for x, kind, parameter in zip(p, model.kinds, model.parameters, strict=True):
            assert law[parameter] == pytest.approx(natural[kind](x), rel=1e-15)

    def test_starts_lie_in_the_box_and_are_the_same_again(self, name):
        model = MODELS[name]
        error = value(model, plausible(model, np.random.default_rng(6), 1)[0])
        starts = model.starts(error, 1.0 / error)
        assert 1 <= len(starts) <= 10
        assert ((starts >= model.low) & (starts <= model.high)).all()
        np.testing.assert_array_equal(starts, model.starts(error, 1.0 / error))


class TestExactDerivatives:
    @given(
        log_a=st.floats(0.0, 15.0),
        log_b=st.floats(0.0, 15.0),
        log_alpha=st.floats(-2.5, 0.5),
        log_beta=st.floats(-2.5, 0.5),
        log_d=st.floats(-4.0, 10.0),
        log_n=st.floats(-4.0, 10.0),
    )
    def test_against_mpmath(self, log_a, log_b, log_alpha, log_beta, log_d, log_n):
        """All six derivatives, of a crowded run of many epochs, at 50 digits: to 1e-10."""
        p = [1.0, log_a, log_b, log_alpha, log_beta, log_d, log_n]
        seen, unique, size = 4e10, 3e8, 5e9
        run = of(samples_seen=[seen], unique_samples=[unique], parameters=[size])
        _, jacobian = DataConstrainedModel(run, TOP).evaluate(np.array([p]))

        def loss(*q):
            e, a, b, alpha, beta, r_d, r_n = q[0], *(mp.exp(x) for x in q[1:])
            matched = mp.exp((mp.log(alpha * a / (beta * b)) + beta * mp.log(unique)) / alpha)
            once = min(matched, mp.mpf(size))
            n = once * (1 - r_n * mp.expm1(-(size / once - 1) / r_n))
            d = unique * (1 - r_d * mp.expm1(-(mp.mpf(seen) / unique - 1) / r_d))
            return e + a / n**alpha + b / d**beta

        with mp.workdps(50):
            for i in range(7):
                order = tuple(int(i == j) for j in range(7))
                want = mp.diff(loss, tuple(mp.mpf(x) for x in p), order)
                size_of_terms = float(loss(*p)) * (1.0 + 30.0 * math.exp(max(log_alpha, log_beta)))
                assert abs(jacobian[0, 0, i] - float(want)) < 1e-10 * size_of_terms


def fit(model, error):
    """Best least-squares fit of log errors from the model's starts, and the cost of every end."""

    def residual(p):
        return np.log(model.evaluate(p[None])[0][0] / error)

    def slope(p):
        loss, jacobian = model.evaluate(p[None])
        return jacobian[0] / loss[0][:, None]

    ends = [
        least_squares(
            residual,
            np.clip(start, model.low + 1e-9, model.high - 1e-9),
            slope,
            bounds=(model.low, model.high),
            x_scale="jac",
            xtol=1e-13,
            ftol=1e-13,
            gtol=1e-13,
            max_nfev=2000,
        )
        for start in model.starts(error, 1.0 / error)
    ]
    best = min(ends, key=lambda end: end.cost)
    return best, [end.cost for end in ends]


def columns(frame):
    names = ("samples_seen", "unique_samples", "parameters")
    taken = ("tokens_seen", "unique_tokens", "parameters")
    return {n: frame[t].to_numpy(float) for n, t in zip(names, taken, strict=True)}


def rms_log(law, frame):
    return float(np.sqrt(np.mean(np.log(law.loss(**columns(frame)) / frame.val_loss) ** 2)))


class TestFits:
    def test_recovers_the_published_law_without_noise(self):
        law = PUBLISHED["muennighoff2023"].law
        rng = np.random.default_rng(7)
        unique = 10.0 ** rng.uniform(8.0, 11.0, 80)
        seen = unique * 10.0 ** rng.uniform(0.0, 2.5, 80)
        size = 0.05 * unique * 10.0 ** rng.uniform(-1.0, 2.0, 80)
        error = law.loss(seen, unique, size)
        model = DataConstrainedModel(
            of(samples_seen=seen, unique_samples=unique, parameters=size), float(error.min())
        )
        best, _ = fit(model, error)
        found = model.law(best.x)
        for name in ("E", "A", "B", "alpha", "beta", "r_d", "r_n"):
            assert getattr(found, name) == pytest.approx(getattr(law, name), rel=1e-5), name

    @pytest.mark.parametrize("floor", [False, True])
    def test_recovers_a_power_law(self, floor):
        compute = np.geomspace(1e9, 1e12, 12)
        error = 5.858 * compute**-0.1114 + 0.05 * floor
        model = PowerLawModel(of(compute=compute), float(error.min()), floor=floor)
        best, _ = fit(model, error)
        law = model.law(best.x)
        assert (law.k, law.s, law.d) == pytest.approx((5.858, -0.1114, 0.05 * floor), rel=1e-6)

    @pytest.mark.parametrize(
        ("options", "inside", "outside"),
        [
            ({"repeats": False, "saturates": False}, 0.1978, 0.334),
            ({}, 0.1525, 0.2513),
            ({"repeats": False, "saturates": False, "penalty": "power"}, 0.0896, 0.2271),
            ({"repeats": False, "saturates": False, "penalty": "saturating"}, 0.0854, 0.1031),
        ],
    )
    def test_c4_runs(self, shared_data, options, inside, outside):
        """RMSE of log loss on 114 runs of ≤ 3.3e10 tokens, and on the 63 of more, not fitted.

        Measured here, as no numbers are published for this split. A separate program with random
        starts, finite differences and no bound on E found the same minima of the last three.
        """
        runs = pd.read_csv(shared_data / "datablations_c4_val_loss.csv")
        few, many = runs[runs.tokens_seen <= 3.3e10], runs[runs.tokens_seen > 3.3e10]
        assert (len(few), len(many)) == (114, 63)
        model = DataConstrainedModel(of(**columns(few)), float(few.val_loss.min()), **options)
        best, costs = fit(model, few.val_loss.to_numpy())
        law = model.law(best.x)
        assert rms_log(law, few) == pytest.approx(inside, abs=0.001)
        assert rms_log(law, many) == pytest.approx(outside, abs=0.005)
        assert sorted(costs)[len(costs) // 2] < best.cost * (1.0 + 1e-5)  # most starts agree


class TestBadInput:
    def test_is_named(self):
        with pytest.raises(InputError, match="column samples_seen: must be a number in"):
            DataConstrainedModel(of(**COLUMNS | {"samples_seen": 0.0}), TOP)
        with pytest.raises(InputError, match="penalty must be one of none, power, saturating"):
            DataConstrainedModel(RUNS, TOP, penalty="harsh")
        with pytest.raises(InputError, match="highest_floor"):
            DataConstrainedModel(RUNS, 0.0)
        with pytest.raises(InputError, match="compute"):
            PowerLawModel(of(compute=[1.0, -1.0]), 0.1)
