"""Results that come with the package, held against the solvers they are said to come from."""

import numpy as np
import pytest
from figures.gallery.gallery_images import kept_results

import prunelaw
from prunelaw_figures.gallery import GALLERY
from prunelaw_figures.plots.style import RULES


def grid(name, key):
    low, high, count = GALLERY[name].parameters[key]
    return np.geomspace(low, high, int(count))


def angles(name):
    return np.radians(GALLERY[name].parameters["degrees"])[:, None]


def test_best_fractions_have_their_errors():
    found, alpha = kept_results("optimal_fraction"), grid("optimal_fraction", "alpha_prune")
    few = slice(None, None, 12)
    f = found["f"][:, few]
    error = prunelaw.solve(alpha[few] / f, f, angles("optimal_fraction"), "hard").error
    np.testing.assert_allclose(found["error"][:, few], error, rtol=1e-9)
    low = GALLERY["optimal_fraction"].parameters["f_range"][0]
    np.testing.assert_allclose(found["f"][found["at_low_end"]], low)
    # specification: at α_prune = 8, θ = 5, 10, 20, 30 degrees
    at_8 = [np.interp(np.log(8.0), np.log(alpha), row) for row in found["f"][1:]]
    np.testing.assert_allclose(at_8, [0.07, 0.15, 0.3, 0.4], atol=0.02)


def test_the_frontier_is_below_every_line_of_its_range():
    found = kept_results("pareto_frontier")
    assert (found["frontier"][0] <= found["error_at_f"] * (1.0 + 1e-9)).all()
    assert (found["frontier"] <= found["unpruned"] * (1.0 + 1e-9)).all()
    assert (np.diff(found["frontier"], axis=0) >= -1e-9).all()  # a worse probe helps less


def test_both_rules_are_equal_at_the_switch():
    found, f = kept_results("switch_curve")["alpha_tot"], grid("switch_curve", "f")
    few = slice(None, None, 15)
    one, two = (
        prunelaw.solve(found[:, few], f[few], angles("switch_curve"), rule).error
        for rule in ("hard", "easy")
    )
    np.testing.assert_allclose(one, two, rtol=1e-8)
    published = {0.5: 5.05, 0.4: 5.76, 0.3: 7.21, 0.2: 10.3, 0.1: 20.1}
    for fraction, load in published.items():
        assert np.interp(np.log(fraction), np.log(f), found[0]) == pytest.approx(load, rel=0.01)


def test_bands_have_their_errors_and_keep_f():
    found, p = kept_results("band_edges"), GALLERY["band_edges"].parameters
    alpha = grid("band_edges", "alpha_tot")
    for i, j in ((0, 30), (1, 50), (2, 60)):
        rule = f"band:{float(found['low'][i, j])!r},{float(found['high'][i, j])!r}"
        kept = prunelaw.solve(alpha[j], theta=p["theta"][i], rule=rule)
        assert float(kept.error) == pytest.approx(found["error_band"][i, j], rel=1e-8)
        assert float(kept.f) == pytest.approx(p["f"], rel=1e-8)
    least = np.min([found[f"error_{rule}"] for rule in RULES], axis=0)
    assert (found["error_band"] <= least * (1.0 + 1e-9)).all()


def test_phase_diagrams_have_the_errors_of_solve():
    for name in ("phase_keep", "phase_probe"):
        found, p = kept_results(name), GALLERY[name].parameters
        alpha, j, i = grid(name, "alpha_tot"), np.array([3, 20, 40]), np.array([45, 10, 30])
        f = grid(name, "f_range")[i] if "f_range" in p else p["f"]
        theta = p["theta"] if "theta" in p else np.linspace(*p["theta_range"])[i]
        for rule in RULES:
            error = prunelaw.solve(alpha[j], f, theta, rule).error
            np.testing.assert_allclose(found[rule][i, j], error, rtol=1e-6)  # kept as float32


def test_information_is_that_of_the_gibbs_student():
    from prunelaw.students.gibbs import gibbs

    found, alpha = kept_results("information"), grid("information", "alpha_prune")
    few = np.array([20, 90])
    again = gibbs(alpha[few] / 0.2, 0.2, "hard")
    np.testing.assert_allclose(found["nats"][2, few], again.information, rtol=1e-8)
    np.testing.assert_allclose(found["nats"][0, -1] * alpha[-1], 1.0, rtol=0.02)  # 1/α


@pytest.mark.parametrize("name", ["learning_curves", "learning_curves_perfect_probe"])
def test_simulated_points_lie_on_the_theory(name):
    found, p = kept_results(name), GALLERY[name].parameters
    rules = np.array(list(RULES))[:, None]
    theory = prunelaw.solve(np.array(p["simulated"])[None], p["f"], p["theta"], rules).error
    # five standard errors, and a finite-size effect of order 1/N
    assert (np.abs(found["mean"] - theory) < 5.0 * found["stderr"] + 2.0 * theory / p["dim"]).all()
