"""Huber's loss: SciPy's minimum of it, no pull by runs far off, texts that read back."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from prunelaw.errors import InputError
from prunelaw_sim.fits.outliers import outliers
from prunelaw_sim.fits.robust import DELTA, delta_of, huber_loss
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws.scaling import fit_chinchilla, fit_power_law

E, A, B, ALPHA, BETA = 1.8, 480.0, 2100.0, 0.35, 0.37


def runs(count=40, far=()):
    rng = np.random.default_rng(3)
    N, D = 10.0 ** rng.uniform(7.5, 10.0, count), 10.0 ** rng.uniform(9.0, 11.5, count)
    error = (E + A / N**ALPHA + B / D**BETA) * np.exp(0.003 * rng.standard_t(3, count))
    error[list(far)] *= 1.2
    return pd.DataFrame({"parameters": N, "samples_seen": D, "error": error})


def scipy_minimum(frame, delta):
    """The objective of Hoffmann et al. 2022, appendix D.3, by BFGS from several starts."""
    N, D, error = (np.log(frame[n].to_numpy()) for n in ("parameters", "samples_seen", "error"))

    def loss(p):
        a, b, e, alpha, beta = p
        predicted = np.logaddexp(np.logaddexp(a - alpha * N, b - beta * D), e)
        return huber_loss(error - predicted, delta)

    starts = [[a, b, 0.5, x, x] for a in (5.0, 10.0) for b in (5.0, 10.0) for x in (0.3, 0.5)]
    return min(minimize(loss, start, method="BFGS").fun for start in starts)


@pytest.mark.parametrize("delta", [1e-3, 1e-2])
def test_the_loss_is_as_small_as_scipys(delta):
    frame = runs(far=(2, 7))
    found = fit_chinchilla(frame, loss=f"huber:{delta}")
    residual = np.log(frame["error"].to_numpy() / found.predicted)
    assert huber_loss(residual, delta) <= scipy_minimum(frame, delta) * (1 + 1e-6)


def test_runs_far_off_pull_little_and_are_named():
    frame = runs(far=(2, 7))
    robust, plain = (fit_chinchilla(frame, loss=loss) for loss in ("huber", "squares"))
    exact = (E + A / frame["parameters"] ** ALPHA + B / frame["samples_seen"] ** BETA).to_numpy()
    off = [np.abs(np.log(fit.predicted / exact)).max() for fit in (robust, plain)]
    assert off[0] < 0.02 < off[1]
    (note,) = (note for note in plain.warnings if note.kind == "outliers")
    assert "row 2 (" in note.message
    assert "row 7 (" in note.message
    with pytest.raises(InputError, match="loss must be squares for intervals"):
        robust.intervals(0.9)
    assert all(np.isnan(value) for value in robust.standard_errors.values())


def test_no_outliers_in_normal_scatter():
    rng = np.random.default_rng(1)
    for _ in range(50):
        off = rng.standard_normal(60)
        assert outliers(Table({}, np.arange(60)), off, np.full(60, 100.0)) == []


def test_a_power_law_may_be_robust():
    compute = np.geomspace(1e6, 1e12, 20)
    error = 3.0 * compute**-0.05
    error[4] *= 2.0
    found = fit_power_law(pd.DataFrame({"compute": compute, "error": error}), loss="huber:1e-4")
    assert found.values["s"] == pytest.approx(-0.05, abs=1e-5)


def test_losses_by_their_texts():
    assert delta_of("squares") is None
    assert delta_of("huber") == DELTA
    assert delta_of("huber:0.01") == 0.01
    for text in ("hubert", "huber:x", "huber:0", "l1"):
        with pytest.raises(InputError, match="huber"):
            delta_of(text)
