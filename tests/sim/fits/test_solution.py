"""From a model on rows to a solution with evidence, on a law whose answers are known in words."""

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.evidence import not_identified
from prunelaw_sim.fits.extrapolation import beyond_data
from prunelaw_sim.fits.fit import Misfit, aicc
from prunelaw_sim.fits.least_squares_fit import LeastSquaresFit, fit_model
from prunelaw_sim.fits.log_model import LogModel, inner_model
from prunelaw_sim.fits.problem import Problem
from prunelaw_sim.fits.rows import Table, select
from prunelaw_sim.fits.solution import solve
from prunelaw_sim.fits.starts import positive_factors
from prunelaw_sim.laws.power_law_model import PowerLawModel


def runs(sigma=0.0, seed=0):
    compute = np.geomspace(1.0, 1e4, 9)
    error = 0.8 * compute**-0.2 + sigma * np.random.default_rng(seed).normal(size=9)
    return pd.DataFrame({"compute": compute, "samples_seen": compute, "error": error})


def build(table):
    return PowerLawModel.read(table, 0.1, floor=False)


def test_a_problem_is_solved_and_says_its_numbers():
    table = Table.of(runs())
    found = solve(Problem.of("power-law", build(table), table), table, np.ones(9, dtype=bool))
    assert found["values"] == pytest.approx({"k": 0.8, "s": -0.2}, rel=1e-9)
    assert found["held_out"] is None and found["freedom"] == 7 and found["rmse"] < 1e-12


@pytest.mark.parametrize("logs", [False, True])
def test_fits_in_logarithms_and_without_hold_out_rows_alike(logs):
    fit = fit_model(LeastSquaresFit, "power-law", build, runs(), 1e3, log_error=logs)
    assert isinstance(fit.problem.model, LogModel) == logs
    assert isinstance(inner_model(fit.problem.model), PowerLawModel)
    assert fit.held_out == Misfit(pytest.approx(0.0, abs=1e-9), 2) and fit.points == 7
    beyond = beyond_data(fit.problem.model, runs())
    assert beyond[0] == {} and beyond[-1]["compute"] == pytest.approx(np.log2(10.0))


def test_a_misfit_names_the_worst_row_and_none_is_named_within_the_errors():
    table = runs(sigma=1e-3).assign(error_se=1e-3)
    good = fit_model(LeastSquaresFit, "power-law", build, table)
    assert good.describes and good.lack_of_fit > 1e-3 and good.reasons == ()
    table.loc[4, "error"] += 0.05
    bad = fit_model(LeastSquaresFit, "power-law", build, table)
    assert bad.describes is False and "compute 100" in bad.reasons[1]
    assert [w.kind for w in bad.warnings] == ["misfit"]


def test_aicc_is_infinite_for_too_few_rows():
    assert aicc(2.0, 4, 2) == np.inf
    assert aicc(2.0, 10, 1) == pytest.approx(10 * np.log(0.2) + 4.0 + 12.0 / 7.0)


def test_what_is_not_identified_is_read_from_the_warnings():
    notes = [Note("ridge", "a and b", ("a", "b")), Note("at_bound", "at 0", ("d",))]
    assert not_identified(notes) == {"d": "at 0"}


def test_positive_factors_are_those_of_exact_data():
    columns = np.stack([np.ones(9), runs()["compute"].to_numpy() ** -0.2], axis=-1)[None]
    best = positive_factors(columns, 0.1 + 0.8 * columns[0, :, 1], np.ones(9))
    np.testing.assert_allclose(best, [[0.1, 0.8]], rtol=1e-6)


def test_rows_are_selected_once_and_bad_ones_named():
    table = select(runs().assign(group=["x"] * 4 + ["y"] * 5), "y")
    assert len(table) == 5 and select(table) is table and list(table.labels) == [4, 5, 6, 7, 8]
    with pytest.raises(InputError, match="choose group from x, y"):
        select(runs().assign(group=["x"] * 4 + ["y"] * 5))
    bad = Table.of(runs().assign(compute=[1.0, 0.0] + [2.0] * 7))
    assert bad.numbers("compute", zero=True)[1] == 0.0
    with pytest.raises(TableError, match=r"row 1, column compute: must be a number in \(0, inf\)"):
        bad.numbers("compute")
