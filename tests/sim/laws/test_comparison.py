"""Laws side by side: the law that made the data is found, chance is not taken for a difference."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunelaw.decay.repetition import PUBLISHED, Overfit
from prunelaw.decay.utility import UtilityLaw
from prunelaw.errors import InputError, TableError
from prunelaw_sim.laws.comparison import Candidate, candidates, compare_laws, sign_flip_p
from prunelaw_sim.laws.utility import fit_utility
from prunelaw_sim.readers import read
from prunelaw_sim.tables.sweep import Sweep

SHARED = Path(__file__).resolve().parents[4] / "shared"
EPOCHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def repeated(tau=3.0, sigma=0.002, sizes=(1e6, 1e7), seed=0):
    """Two subsets of one pool, whose half-life grows with their size."""
    rng = np.random.default_rng(seed)
    rows = []
    for size in sizes:
        law = UtilityLaw(4.0, -0.2, tau * size / min(sizes), 0.05)
        for epochs in EPOCHS:
            error = float(law.error(epochs * size, size)) + sigma * rng.normal()
            rows.append((f"{size:g} {epochs}", "web", size, epochs * size, error))
    columns = ["run", "pool", "unique_samples", "samples_seen", "error"]
    return pd.DataFrame(rows, columns=columns)


def overfitted(seed=0):
    """Models of three sizes, in a law whose loss rises again."""
    base = PUBLISHED["hoffmann2022"].law
    law = Overfit(base, c=0.02, q=0.5, p=1.0, r_star=60.0)
    rng = np.random.default_rng(seed)
    rows = []
    for size in (1e7, 1e8, 1e9):
        for unique in (1e8, 1e9):
            for epochs in (1.0, 3.0, 10.0, 30.0, 100.0, 300.0):
                loss = law.loss(epochs * unique, unique, size) * math.exp(0.01 * rng.normal())
                rows.append((size, unique, epochs * unique, float(loss)))
    columns = ["parameters", "unique_samples", "samples_seen", "error"]
    return pd.DataFrame(rows, columns=columns).assign(metric="loss")


@pytest.fixture(scope="module")
def two():
    return compare_laws(repeated(), ["no-decay", "utility"])


@pytest.fixture(scope="module")
def failing():
    return compare_laws(repeated(), ["overfit", "utility"])


class TestRanking:
    def test_decay_beats_none(self, two):
        found = two
        assert found.best == "utility" and found.undecided == ()
        first, second = found.table.to_dict("records")
        assert first["law"] == "utility" and first["verdict"] == "best"
        assert first["held_out_rmse"] < 0.01 < second["held_out_rmse"]
        assert first["delta_aicc"] == 0.0 and second["delta_aicc"] > 20.0
        assert (first["parameters"], second["parameters"]) == (4.0, 3.0)

    def test_few_held_out_runs_cannot_decide_and_that_is_said(self):
        found = compare_laws(repeated(), ["no-decay", "utility"], hold_out_above=1e8)
        (remark,) = (r for r in found.remarks if r.startswith("held out"))
        assert "2 rows of 2 runs" in remark and "AICc decides" in remark
        last = found.table.iloc[-1]
        assert (
            last["p_value"] >= 0.5
            and "held out not told from the best, but ΔAICc" in last["verdict"]
        )

    def test_without_decay_the_extra_parameter_does_not_pay(self):
        found = compare_laws(repeated(tau=math.inf, seed=1), ["no-decay", "utility"])
        assert found.best == "no-decay" and found.undecided == ()
        assert found.table["delta_aicc"].iloc[1] == pytest.approx(5.06, abs=0.01)  # k = 5 and 4

    def test_overfitting_is_found(self):
        laws = ["data-constrained", "overfit", "power-law"]
        found = compare_laws(overfitted(), laws, log_error=True, hold_out_above=1e10)
        assert found.best == "overfit" and found.undecided == ()
        assert found.table["verdict"].str.startswith("worse on held-out runs").sum() == 2
        assert (found.table["p_value"].iloc[1:] < 0.05).all()

    def test_twins_are_not_told_apart(self):
        twins = [Candidate("one", "utility"), Candidate("two", "utility", {"stretch": 1.0})]
        found = compare_laws(repeated(), twins)
        assert found.best == "one" and found.undecided == ("two",)
        assert list(found.table["verdict"]) == [
            "best, not alone",
            "tied with the best (ΔAICc +0.0)",
        ]

    def test_exact_data_have_a_finite_criterion(self):
        found = compare_laws(repeated(sigma=0.0), ["no-decay", "utility"])
        assert found.best == "utility" and np.isfinite(found.table["aicc"]).all()


class TestNumbers:
    def test_aicc_by_hand(self, two):
        table, found = repeated(), two.table.set_index("law")
        fit = two.full_fits["utility"]
        rows, k = len(table), 5.0
        want = rows * math.log(np.sum(fit.residuals**2) / rows)
        want += 2.0 * k + 2.0 * k * (k + 1.0) / (rows - k - 1.0)
        assert found["aicc"]["utility"] == pytest.approx(want, rel=1e-12)

    def test_as_many_parameters_as_rows_have_no_finite_aicc(self):
        table = repeated(sizes=(1e6,)).tail(6)
        found = compare_laws(table, ["utility", "no-decay"])
        assert found.table.set_index("law")["aicc"]["utility"] == math.inf
        assert found.best == "no-decay"

    def test_held_out_rows_by_hand(self, two):
        fit = fit_utility(repeated(), hold_out_above=two.hold_out_above)
        row = two.table.set_index("law").loc["utility"]
        assert row["held_out_rmse"] == fit.held_out.rmse
        assert row["in_sample_rmse"] == fit.rmse

    def test_roll_out_fits_what_lies_below_each_step(self, two):
        table, steps = repeated(), two.steps[two.steps["law"] == "no-decay"]
        assert (steps["rows"] >= 2).all() and steps["limit"].is_monotonic_decreasing
        for step in steps[steps["reason"] == ""].itertuples():
            part = table[table["samples_seen"] <= step.upper]
            fit = fit_utility(part, "no-decay", hold_out_above=step.limit)
            assert step.rmse == fit.held_out.rmse
        assert "only" in steps["reason"].iloc[-1]  # too few rows: said, not computed

    def test_pooled_over_the_steps_that_all_laws_could_take(self, two):
        found = two
        wide = found.steps.pivot(index="limit", columns="law", values="rmse")
        rows = found.steps.groupby("limit")["rows"].first()
        both = wide.notna().all(axis=1)
        for law, pooled in found.table.set_index("law")["rollout_rmse"].items():
            squares = (wide[law] ** 2 * rows)[both].sum() / rows[both].sum()
            assert pooled == pytest.approx(math.sqrt(squares), rel=1e-12)


class TestSignFlips:
    def test_three_runs_cannot_be_significant(self):
        assert sign_flip_p(np.array([1.0, 1.0, 1.0])) == 0.25
        assert sign_flip_p(np.ones(5)) == 2 / 32 and sign_flip_p(np.ones(6)) == 2 / 64

    def test_no_difference(self):
        assert sign_flip_p(np.zeros(4)) == 1.0
        assert sign_flip_p(np.array([1.0, -1.0, 2.0, -2.0])) == 1.0

    @given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=9))
    def test_counts_signs(self, numbers):
        d = np.array(numbers)
        count, total = 0, abs(d.sum())
        for code in range(2**d.size):
            signs = np.array([1.0 if code >> i & 1 else -1.0 for i in range(d.size)])
            count += abs(signs @ d) >= total - 1e-12 * np.abs(d).sum()
        assert sign_flip_p(d) == count / 2**d.size

    def test_many_runs_are_drawn_and_the_same_again(self):
        d = np.random.default_rng(1).normal(0.5, 1.0, 20)
        signs = np.random.default_rng(2).choice((1.0, -1.0), size=(200_000, 20))
        want = float(np.mean(np.abs(signs @ d) >= abs(d.sum())))
        assert sign_flip_p(d) == pytest.approx(want, abs=0.006)  # 3.5 standard errors of 20,000
        assert sign_flip_p(d) == sign_flip_p(d)


class TestTable:
    def test_default_laws_are_those_whose_columns_are_there(self):
        found = compare_laws(repeated())
        assert set(found.table["law"]) == {
            name
            for name in candidates()
            if "utility" in name or name in ("no-decay", "effective-data")
        }
        left_out = [r for r in found.remarks if "left out" in r]
        assert any(r == "power-law is left out: no column compute" for r in left_out)
        assert "overfit is left out: no column parameters" in left_out

    def test_a_law_that_fails_stands_in_the_table_with_the_reason(self, failing):
        found, last = failing, failing.table.iloc[-1]
        assert last["law"] == "overfit" and "column parameters is missing" in last["verdict"]
        assert math.isnan(last["held_out_rmse"]) and found.best == "utility"

    def test_no_law_predicts(self):
        found = compare_laws(repeated(), ["overfit"])
        assert found.best is None and found.remarks[-1] == "no law predicts the held-out rows"

    def test_groups(self):
        table = pd.concat([repeated().assign(group=g) for g in "xy"])
        with pytest.raises(InputError, match="choose group from x, y"):
            compare_laws(table)
        assert len(compare_laws(table, ["no-decay"], group="x").rows) == 14
        both = compare_laws(table, ["no-decay"], together=True)
        assert both.table["parameters"].tolist() == [6.0]

    def test_six_n_d_is_said(self):
        found = compare_laws(overfitted(), ["power-law"], log_error=True)
        assert "no column compute: it is taken for 6 · parameters · samples_seen" in found.remarks

    def test_to_dict_is_json(self, failing):
        back = json.loads(json.dumps(failing.to_dict(), allow_nan=False))
        assert back["best"] == "utility" and back["laws"][1]["held_out_rmse"] is None
        assert back["values"]["utility"]["a"] > 0.0
        assert not any("r2" in key.lower() for law in back["laws"] for key in law)


class TestBadInput:
    def test_is_named(self):
        with pytest.raises(InputError, match="laws must be one of chinchilla, data-constrained,"):
            compare_laws(repeated(), ["cubic"])
        with pytest.raises(InputError, match="laws must name one law or more"):
            compare_laws(repeated(), [])
        with pytest.raises(InputError, match="different names"):
            compare_laws(repeated(), ["utility", "utility"])
        with pytest.raises(InputError, match="leaves no row above"):
            compare_laws(repeated(), hold_out_above=1e20)
        with pytest.raises(TableError, match="column samples_seen is missing"):
            compare_laws(pd.DataFrame({"error": [0.1, 0.2]}))
        with pytest.raises(InputError, match=r"all points have samples_seen = 1e\+06"):
            compare_laws(repeated().assign(samples_seen=1e6))
        only_seen = pd.DataFrame({"error": [0.1, 0.2], "samples_seen": [1.0, 2.0]})
        with pytest.raises(InputError, match="no law can be compared"):
            compare_laws(only_seen)


class TestRealRuns:
    def test_openclip(self, shared_data):
        """Three held-out runs cannot tell; AICc prefers decay to none by 15 and more."""
        sweep = read(shared_data / "openclip")
        for group, best in (("ViT-B-32", "utility, stretch 0"), ("ViT-B-16", "utility")):
            found = compare_laws(sweep, group=group)
            delta = found.table.set_index("law")["delta_aicc"]
            assert found.best == best
            assert set(found.undecided) < {"utility", "utility, stretch 0", "effective-data"}
            assert delta["no-decay"] > 15.0 and delta["power-law"] > 8.0

    def test_c4(self, shared_data):
        """The penalty is the only law that predicts the runs of most tokens, p < .01."""
        sweep = read(
            shared_data / "datablations_c4_val_loss.csv",
            mapping={
                "samples_seen": "tokens_seen", "unique_samples": "unique_tokens",
                "error": "val_loss",
            },
            constants={"metric": "C4 validation loss", "pool": "C4"},
        )  # fmt: skip
        assert isinstance(sweep, Sweep)
        laws = ["no-decay", "data-constrained", "overfit", "power-law"]
        found = compare_laws(sweep, laws, log_error=True, hold_out_above=3.3e10)
        assert found.best == "overfit" and found.undecided == ()
        held_out = found.table.set_index("law")["held_out_rmse"]
        assert held_out["overfit"] == pytest.approx(0.1031, abs=1e-4)
        assert held_out["data-constrained"] == pytest.approx(0.2513, abs=1e-4)
        assert (found.table["p_value"].iloc[1:] < 0.01).all()


def compute_only(floor=0.0, sigma=0.0):
    compute = np.geomspace(1e6, 1e12, 24)
    rng = np.random.default_rng(0)
    error = (floor + 6.0 * compute**-0.06) * np.exp(sigma * rng.standard_normal(24))
    return pd.DataFrame({"compute": compute, "error": error, "metric": "loss"})


def test_laws_that_predict_alike_are_tied():
    """A floor of 0 is the law without one: rounding is no evidence against either."""
    found = compare_laws(compute_only(), ["power-law", "power-law-floor"])
    assert found.full_fits["power-law-floor"].values["d"] == pytest.approx(0.0, abs=1e-5)
    assert found.table["p_value"].tolist() == [1.0, 1.0]
    assert not found.table["verdict"].str.contains("worse").any()


def test_a_scaling_table_with_and_without_a_floor(tmp_path):
    cases = SHARED / "cases"
    if not cases.is_dir():
        pytest.skip("the folder of cases is absent")
    names = {"error": "loss", "parameters": "params", "samples_seen": "tokens", "group": "dataset"}
    runs = read(cases / "03-scaling-lines.jsonl", mapping=names, constants={"metric": "loss"})
    for group in ("rpj", "c4_original"):
        found = compare_laws(runs.select(group=group), ["power-law", "power-law-floor"])
        assert not found.table["verdict"].str.contains("worse").any()


def test_a_table_of_compute_alone_is_compared_by_compute():
    found = compare_laws(compute_only(0.5, 1e-3))
    assert found.best == "power-law-floor"
    assert any("1e+11 compute" in said or "compute" in said for said in found.remarks)
    held = compare_laws(compute_only(0.5, 1e-3), hold_out_above=1e9)
    assert held.hold_out_above == 1e9


def test_unequal_runs_are_not_blamed_on_repetition():
    error = np.tile([0.5, 0.9, 0.7], 4) - np.repeat([0.0, 0.05, 0.1, 0.15], 3)
    seen = np.repeat([1e9, 2e9, 4e9, 8e9], 3)
    frame = pd.DataFrame({"parameters": 1e8, "samples_seen": seen, "error": error})
    (said,) = (s for s in compare_laws(frame, ["power-law"]).remarks if "shorter run" in s)
    assert "other settings than the data" in said
    assert "overfit" not in said
