"""Tables of pools and runs: what they hold, and how each kind of bad input is named."""

import math
from pathlib import Path

import numpy as np
import pytest

from prunelaw.decay.utility import PUBLISHED, UtilityLaw
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.amounts import amount_text, parse_amount
from prunelaw_sim.pools.known import known_from_runs
from prunelaw_sim.pools.tables import PoolTable, read_pools
from prunelaw_sim.tables.sweep import Sweep

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"
HEADER = "name,size,b,tau,a,d"
GOOD = "good,1e6,-0.2,6,0.04,0.08"
POOR = "poor,4e6,-0.12,2.5,0.04,0.08"


def pools_file(tmp_path, *lines, header=HEADER):
    path = tmp_path / "pools.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def runs_file(tmp_path, change=None, columns="pool,unique_samples,samples_seen,error"):
    """Runs of two pools, line 2 the first; `change` maps (line, column) → text."""
    rows = []
    for pool, b in (("good", -0.21), ("poor", -0.12)):
        for seen in (1e6, 4e6, 1.6e7, 6.4e7):
            error = float(UtilityLaw(0.4, b, 5.0, 0.08).error(seen, 1e6))
            rows.append([pool, "1000000", f"{seen:.0f}", f"{error:.6g}"])
    for (line, column), text in (change or {}).items():
        rows[line - 2][columns.split(",").index(column)] = text
    path = tmp_path / "runs.csv"
    path.write_text("\n".join([columns, *(",".join(row) for row in rows)]) + "\n")
    return path


def said(path, **options):
    with pytest.raises(TableError) as caught:
        read_pools(path, **options)
    return str(caught.value)


class TestParameters:
    def test_published_pools(self):
        table = read_pools(EXAMPLES / "pools.csv")
        assert isinstance(table, PoolTable)
        for pool, published in zip(table.pools, PUBLISHED["utility"], strict=True):
            assert (pool.name, pool.size) == (published.name, published.size)
            assert pool.law.b == published.law.b
            assert pool.law.tau == pytest.approx(published.law.tau, abs=1e-5)
        assert table.ensemble().certain
        assert table.notes == ()

    def test_standard_errors_make_an_ensemble(self, tmp_path):
        path = pools_file(tmp_path, GOOD + ",0.02,1", POOR + ",0,0", header=HEADER + ",b_se,tau_se")
        ensemble = read_pools(path).ensemble(50, seed=3)
        assert len(ensemble) == 50
        assert ensemble.b[:, 0].std() > 0.01
        assert (ensemble.b[:, 1] == -0.12).all() and (ensemble.tau[:, 1] == 2.5).all()

    @pytest.mark.parametrize(
        ("end", "header"), [(",0.02", HEADER + ",b_se"), (",0.02,0", HEADER + ",b_se,tau_se")]
    )
    def test_errors_of_b_alone_make_one_too(self, tmp_path, end, header):
        ensemble = read_pools(pools_file(tmp_path, GOOD + end, header=header)).ensemble(50)
        assert len(ensemble) == 50 and (ensemble.tau == 6.0).all()

    def test_shared_values_as_arguments(self, tmp_path):
        path = pools_file(tmp_path, "good,1e6,-0.2,inf", header="name,size,b,tau")
        law = read_pools(path, a=0.04, d=0.08, convention="paper").pools[0].law
        assert (law.a, law.d, law.tau) == (0.04, 0.08, math.inf)

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            ([GOOD, "poor,-4,-0.12,2.5,0.04,0.08"], "line 3, column 'size': must be .*got '-4'"),
            (["good,1e6,0.2,6,0.04,0.08"], r"line 2, column 'b': must be .*\(-inf, 0\], got '0.2'"),
            ([GOOD, "poor,4e6,-0.12,0,0.04,0.08"], "line 3, column 'tau'"),
            ([GOOD, "poor,4e6,-0.12,nan,0.04,0.08"], "line 3, column 'tau'"),
            (
                [GOOD, "poor,4e6,-0.12,2.5,0.05,0.08"],
                "line 3, column 'a': pools .* share a; line 2",
            ),
            ([GOOD, "poor,4e6,-0.12,2.5,0.04,0.1"], "line 3, column 'd'.*0.08, this one 0.1"),
            ([GOOD, GOOD], "line 3, column 'name': 'good' is already in line 2"),
            ([GOOD, " ,4e6,-0.12,2.5,0.04,0.08"], "line 3, column 'name': must be a non-empty"),
            ([GOOD, "poor,4e6,-0.12"], "line 3: 3 cells"),
            ([], "no rows"),
        ],
    )
    def test_bad_cells_are_named(self, tmp_path, lines, message):
        path = pools_file(tmp_path, *lines)
        with pytest.raises(TableError, match=message):
            read_pools(path)

    @pytest.mark.parametrize(
        ("header", "lines", "message"),
        [
            ("name,b,tau,a,d", ["good,-0.2,6,0.04,0.08"], "'size' .unique samples. is missing"),
            ("name,size,b,tau,d", ["good,1e6,-0.2,6,0.08"], "'a' .* add it, or give a="),
            ("name,size", ["good,1e6"], "no column 'error'.*present: name, size"),
            ("name,size,b", ["good,1e6,-.1"], "'tau' .half-life in epochs. is missing"),
            (HEADER + ",samples_seen", [GOOD + ",1e7"], "has columns of both"),
            (HEADER + ",b_se", [GOOD + ",-1"], "line 2, column 'b_se'"),
            (
                "name,size,b,tau,a,d,tau_se",
                ["good,1e6,-0.2,inf,0.04,0.08,1"],
                "line 2, column 'tau_se': must be 0 where tau is inf",
            ),
        ],
    )
    def test_bad_columns_are_named(self, tmp_path, header, lines, message):
        with pytest.raises(TableError, match=message):
            read_pools(pools_file(tmp_path, *lines, header=header))

    def test_pools_that_overlap(self, tmp_path):
        """A pool of the top 20 % holds that of the top 10 %: one of them is used."""
        header = HEADER + ",quantile_low,quantile_high"
        path = pools_file(tmp_path, GOOD + ",0,0.1", POOR + ",0,0.2", header=header)
        table = read_pools(path)
        assert table.ensemble().alternatives
        with pytest.raises(InputError, match=r"'poor' .0 to 0.2. and 'good' .0 to 0.1. share"):
            table.ensemble(pools_are="disjoint")
        touching = pools_file(tmp_path, GOOD + ",0,0.1", POOR + ",0.1,0.2", header=header)
        assert not read_pools(touching).ensemble().alternatives
        empty = pools_file(tmp_path, GOOD + ",0.1,0.1", header=header)
        assert "must be below quantile_high, 0.1" in said(empty)

    def test_a_value_is_given_once(self, tmp_path):
        assert "option a= and as a column" in said(pools_file(tmp_path, GOOD), a=0.04)
        with pytest.raises(InputError, match="units belong to a table of runs"):
            read_pools(pools_file(tmp_path, GOOD), units="percent")


class TestRuns:
    def test_runs_are_a_sweep(self, tmp_path):
        sweep = read_pools(runs_file(tmp_path))
        assert isinstance(sweep, Sweep) and len(sweep) == 8

    @pytest.mark.parametrize("name", ["accuracy", "error"])
    def test_percent_is_asked_for_and_never_guessed(self, tmp_path, name):
        columns = f"pool,unique_samples,samples_seen,{name}"
        change = {(i, name): str(value) for i, value in enumerate((62, 55, 48, 44), start=2)}
        change |= {(i, name): str(value) for i, value in enumerate((70, 65, 60, 58), start=6)}
        if name == "accuracy":
            change = {cell: str(100 - int(error)) for cell, error in change.items()}
        path = runs_file(tmp_path, change, columns)
        first = 38 if name == "accuracy" else 62
        assert f"line 2, column {name!r}: {first} looks like per cent" in said(path)
        error = read_pools(path, units="percent")["error"]
        assert error[0] == pytest.approx(0.62)
        assert f"column {name!r}" in said(path, units="fraction")

    def test_mixed_units_name_the_first_of_the_other_kind(self, tmp_path):
        path = runs_file(tmp_path, {(4, "error"): "38.5", (7, "error"): "50"})
        message = said(path)
        assert "line 4, column 'error': 38.5 looks like per cent, but line 2 has 0." in message

    def test_standard_errors_follow_the_units(self, tmp_path):
        lines = ["pool,unique_samples,samples_seen,error,error_se", "p,1000,2000,40,2"]
        path = tmp_path / "runs.csv"
        path.write_text("\n".join(lines))
        sweep = read_pools(path, units="percent")
        assert (sweep["error"][0], sweep["error_se"][0]) == (0.4, 0.02)

    def test_losses_may_exceed_one(self, tmp_path):
        lines = ["pool,unique_samples,samples_seen,error,metric", "p,1000,2000,3.2,val loss"]
        path = tmp_path / "runs.csv"
        path.write_text("\n".join(lines))
        assert read_pools(path)["error"][0] == 3.2

    def test_short_runs(self, tmp_path):
        path = runs_file(tmp_path, {(3, "samples_seen"): "200"})
        message = said(path, batch_size=256.0)
        assert "line 3, column 'samples_seen': must be at least one batch" in message
        path = runs_file(tmp_path, {(3, "samples_seen"): "0.5"})
        assert "line 3, column 'samples_seen'" in said(path)

    def test_runs_that_are_listed_twice(self, tmp_path):
        lines = ["run,pool,unique_samples,samples_seen,error"]
        lines += ["one,p,1000,2000,0.5", "two,p,1000,4000,0.4", "one,p,1000,2000,0.51"]
        path = tmp_path / "runs.csv"
        path.write_text("\n".join(lines))
        assert "line 4, column 'run': the same run is in line 2" in said(path)
        path = runs_file(tmp_path)
        path.write_text(path.read_text() + path.read_text().splitlines()[3] + "\n")
        assert "line 10, column 'pool': the same run is in line 4" in said(path)

    def test_values_that_belong_to_parameters(self, tmp_path):
        with pytest.raises(InputError, match="a is fitted"):
            read_pools(runs_file(tmp_path), a=1.0)

    def test_missing_columns(self, tmp_path):
        path = tmp_path / "runs.csv"
        path.write_text("pool,samples_seen,error\np,1000,0.5\n")
        assert "missing: 'unique_samples'" in said(path)

    def test_the_fit_says_what_it_cannot_do_and_where(self, tmp_path):
        lines = ["pool,unique_samples,samples_seen,error", "p,1000,2000,0.5", "p,1000,4000,0.4"]
        path = tmp_path / "runs.csv"
        path.write_text("\n".join(lines))
        with pytest.raises(TableError, match=r"runs.csv: .*4 parameters .*only 2 rows"):
            known_from_runs(read_pools(path), 1e4, convention="paper")
        change = {(i, "error"): "0.5" for i in range(2, 10)}
        with pytest.raises(TableError, match=r"runs.csv: column error: all 8 rows"):
            known_from_runs(read_pools(runs_file(tmp_path, change)), 1e4, convention="paper")

    def test_fitted_pools_are_the_bootstrap_read_as_pools(self):
        sweep = read_pools(EXAMPLES / "pool_runs.csv")
        options = {"convention": "paper", "replicates": 20, "seed": 1}
        known = known_from_runs(sweep, 640e6, **options).ensemble
        assert len(known) == 20 and known.fit is not None
        frame = sweep.frame.assign(unique_samples=12.8e6)
        for i, name in enumerate(known.names):
            rows = frame[frame["pool"] == name]
            np.testing.assert_allclose(
                known.error([i], rows["samples_seen"].to_numpy())[3],
                known.pools(3)[i].law.error(rows["samples_seen"].to_numpy(), 12.8e6),
            )
            assert known.point[i].law.b == known.fit.pools[name]["b"]
        sizes = {known.names[0]: 25.6e6}
        larger = known_from_runs(sweep, 640e6, sizes=sizes, **options).ensemble
        np.testing.assert_allclose(larger.tau[:, 0], 2.0 * known.tau[:, 0])
        with pytest.raises(InputError, match="sizes must be one of top"):
            known_from_runs(sweep, 640e6, **(options | {"sizes": {"x": 1.0}}))


class TestAmounts:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("640M", 640e6), ("3B", 3e9), ("6.4e8", 6.4e8), ("1.5k", 1500), (".2G", 2e8), (12, 12.0)],
    )
    def test_read(self, text, value):
        assert parse_amount("budget", text) == pytest.approx(value)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("640m", "a million is M"),
            ("many", "budget must be a number like 6.4e8"),
            ("1_000", "got '1_000'"),
            ("-3M", r"\(0, inf\), got -3000000"),
            ("0", r"\(0, inf\)"),
            ("", "got ''"),
        ],
    )
    def test_refused(self, text, message):
        with pytest.raises(InputError, match=message):
            parse_amount("budget", text)

    def test_written_as_read(self):
        for value in (1.0, 999.0, 1500.0, 640e6, 999.96e6, 3.25e9, 2e12):
            assert parse_amount("x", amount_text(value)) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "name,size (M),b,tau,a,d\nx,4,-.2,3,1,.1\n",
        "name;size;b;tau;a;d\nx;4M;-0,2;3,0;1;0,1\n",
        "| pool | sizes | b_value | c | best_a | d |\n|--|--|--|--|--|--|\n"
        "| x | 4M | -.2 | 3 | 1 | .1 |\n",
        '{"x": {"size": 4e6, "b": -0.2, "tau": 3, "a": 1, "d": 0.1}, "y": {"size": 4e6, "b": -0.1, '
        '"tau": 3, "a": 1, "d": 0.1}}',
        '{"pools": [{"name": "x", "size": 4e6, "b": -0.2, "tau": 3}], "a": 1, "d": 0.1}',
    ],
)
def test_parameters_as_people_write_them(tmp_path, text):
    (tmp_path / "p").write_text(text)
    pool = read_pools(tmp_path / "p").pools[0]
    assert (pool.name, float(pool.size)) == ("x", 4e6)
    assert (pool.law.b, pool.law.tau, pool.law.a, pool.law.d) == (-0.2, 3.0, 1.0, 0.1)


def test_standard_errors_behind_parameters(tmp_path):
    (tmp_path / "p").write_text("name,size,b,tau,a,d\nx,4M,-.2 ± .01,3±1,1,.1\n")
    table = read_pools(tmp_path / "p")
    assert table.b_se == {"x": 0.01} and table.tau_se == {"x": 1.0}
    assert any("4M is read as 4000000" in str(note) for note in table.notes)
