"""Each question on tables made so that the answer is yes, no, or not to be told."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prunelaw.errors import InputError, TableError
from prunelaw_sim.studies.answers import jackknifed, paired_mean, verdict_within
from prunelaw_sim.studies.pareto_slopes import ParetoCurves
from prunelaw_sim.studies.questions import (
    band_beats_both,
    pruning_gains,
    scores_match,
    switches_with_size,
    transfer_kept,
    worse_probe_returns,
)
from prunelaw_sim.tables.paired_errors import PairedErrors

SEEDS = 10
SIZES = (50, 100, 200, 400)


def near(answer, value):
    return abs(answer.effect.value - value) < 4 * answer.effect.standard_error


def table(error_of, names, rows, noise=0.002, seed=0):
    rng = np.random.default_rng(seed)
    means = np.array([error_of(*row) for row in rows])
    errors = means[:, None] + noise * rng.normal(size=(len(rows), SEEDS))
    cells = pd.DataFrame(rows, columns=pd.Index(names))
    return PairedErrors(cells, errors + noise * rng.normal(size=SEEDS), tuple(range(SEEDS)))


def sized(error_of, **options):
    rows = [(p, 0.5, r) for p in SIZES for r in ("hard", "easy", "random")]
    rows += [(p, 1.0, "random") for p in SIZES]
    return table(error_of, ["dataset_size", "keep_fraction", "rule"], rows, **options)


def switching(p, f, rule):
    """Hard overtakes easy at P = 150."""
    return 0.2 + {"hard": -0.02, "easy": 0.02, "random": 0.0}[rule] * np.log(p / 150)


def power(gain):
    """Random: K^-0.5.  Hard keeping gains in the exponent; easy is worse by a factor."""

    def error_of(p, f, rule):
        kept = f * p
        whole = 2 * kept**-0.5
        return whole * {"hard": (kept / 25) ** -gain, "easy": 1.3, "random": 1.0}[rule]

    return error_of


def test_switch():
    answer = switches_with_size(sized(switching), 0.5)
    assert answer.verdict == "yes" and "overtakes" in answer.measure
    assert answer.effect.interval[0] < 150 < answer.effect.interval[1] < 200
    assert near(answer, 150)
    assert len(answer.table) == len(SIZES)
    answer = switches_with_size(sized(lambda p, f, r: 0.1 + 0.05 * (r == "hard")), 0.5)
    assert answer.verdict == "no" and answer.effect.value == pytest.approx(-0.05, abs=0.01)
    assert switches_with_size(sized(lambda *_: 0.2), 0.5).verdict == "cannot tell"
    with pytest.raises(TableError, match="needs two sizes"):
        switches_with_size(sized(switching).select(dataset_size=50), 0.5)


def test_power_law():
    answer = pruning_gains(sized(power(0.2)), [0.5])
    assert answer.verdict == "yes"
    assert abs(answer.effect.value - 0.2) < 4 * answer.effect.standard_error < 0.2
    assert answer.table["kept"].tolist() == [50, 100, 200]
    assert pruning_gains(sized(power(0.2)), [0.5], "factor").verdict == "yes"
    # a factor is no exponent
    by_factor = sized(lambda p, f, r: (f * p) ** -0.5 * (0.8 if r == "hard" else 1.0), noise=1e-4)
    assert pruning_gains(by_factor, [0.5]).verdict == "cannot tell"
    gain = pruning_gains(by_factor, [0.5], "factor")
    assert gain.verdict == "yes" and gain.effect.value == pytest.approx(-np.log(0.8), abs=0.02)
    # pruned cells that are all worse, and more so with K
    worse = sized(lambda p, f, r: (f * p) ** (-0.5 if f == 1 else -0.4), noise=1e-4)
    assert pruning_gains(worse, [0.5]).verdict == "no"
    assert pruning_gains(worse, [0.5], "factor").verdict == "no"


def test_curves_need_three_kept_numbers_and_errors_above_0():
    with pytest.raises(TableError, match=r"a slope needs 3 kept numbers .* \[0.25\]"):
        ParetoCurves(sized(switching), [0.25])
    nothing = sized(lambda *_: 0.0, noise=0.0)
    with pytest.raises(TableError, match="a mean error is 0"):
        ParetoCurves(nothing, [0.5]).gain()


def test_worse_probe():
    better, same = sized(power(0.2)), sized(power(0.2), seed=1)
    random = sized(power(0.0), seed=2)
    answer = worse_probe_returns(better, random, [0.5])
    assert answer.verdict == "yes" and near(answer, 0.2)
    assert worse_probe_returns(better, random, [0.5], by="factor").verdict == "yes"
    assert worse_probe_returns(better, same, [0.5]).verdict == "no"
    assert worse_probe_returns(random, random, [0.5]).verdict == "cannot tell"
    with pytest.raises(TableError, match="the same cells"):
        worse_probe_returns(better, random.select(rule="hard"), [0.5])


def scored(gap, noise=0.002):
    rows = [(s, p, 0.5, r) for s in ("prototypes", "el2n") for p in SIZES for r in ("hard", "easy")]
    names = ["score", "dataset_size", "keep_fraction", "rule"]

    def error_of(score, p, f, rule):
        best = "hard" if p > 150 else "easy"
        return 0.2 + 0.1 * (rule != best) + gap * (score == "prototypes")

    return table(error_of, names, rows, noise=noise)


def test_scores_match():
    assert scores_match(scored(0.0), "prototypes", "el2n").verdict == "yes"
    assert scores_match(scored(-0.05), "prototypes", "el2n").verdict == "yes"
    answer = scores_match(scored(0.03), "prototypes", "el2n")
    assert answer.verdict == "no" and near(answer, 0.03)
    assert len(answer.table) == len(SIZES)
    assert scores_match(scored(0.01, 0.05), "prototypes", "el2n").verdict == "cannot tell"


def banded(band, noise=0.002):
    rows = [(p, 0.5, r) for p in SIZES for r in ("hard", "easy", "quantiles:0.6")]
    names = ["dataset_size", "keep_fraction", "rule"]
    values = {"hard": 0.25, "easy": 0.2, "quantiles:0.6": band}
    return table(lambda p, f, r: values[r], names, rows, noise=noise)


def test_bands():
    bands = {(p, 0.5): "quantiles:0.6" for p in SIZES}
    answer = band_beats_both(banded(0.17), bands)
    assert answer.verdict == "yes" and near(answer, 0.03)
    assert band_beats_both(banded(0.23), bands).verdict == "no"  # between hard and easy
    assert band_beats_both(banded(0.2), bands).verdict == "cannot tell"
    with pytest.raises(TableError, match="one cell or more"):
        band_beats_both(banded(0.2), {})


def transferred(scratch, pruned):
    rows = [(0.0, "none"), (0.5, "random"), (0.5, "hard"), (1.0, "random")]
    values = dict(zip(rows, (scratch, 0.25, pruned, 0.2), strict=True))
    return table(lambda *cell: values[cell], ["keep_fraction", "rule"], rows)


def test_transfer():
    answer = transfer_kept(transferred(0.4, 0.2), 0.5, "hard")
    assert answer.verdict == "yes"
    gain = answer.table.set_index("what").loc["gain over random at f", "difference"]
    assert gain == pytest.approx(0.05, abs=0.01)
    assert transfer_kept(transferred(0.4, 0.23), 0.5, "hard").verdict == "no"
    assert transfer_kept(transferred(0.2, 0.2), 0.5, "hard").verdict == "cannot tell"


def test_estimates_are_those_of_the_textbook():
    values = np.random.default_rng(0).normal(size=9)
    mean, by_jackknife = paired_mean(values), jackknifed(lambda i: float(values[i].mean()), 9)
    assert by_jackknife.value == pytest.approx(mean.value)
    assert by_jackknife.standard_error == pytest.approx(mean.standard_error)
    low, high = paired_mean(values, tests=4).interval
    assert low < mean.interval[0] and high > mean.interval[1]
    assert verdict_within(mean, 10.0) == "yes" and verdict_within(mean, -10.0) == "no"
    with pytest.raises(InputError, match="at least 5 seeds, got 4"):
        paired_mean(values[:4])


def test_the_page_says_what_the_shipped_tables_say():
    folder = Path(__file__).resolve().parents[3] / "docs"
    page = (folder / "real_study.md").read_text(encoding="utf-8").replace("−", "-")
    probed, scores, transfer = (
        PairedErrors.read_csv(folder / "examples" / "real_study" / f"{name}.csv")
        for name in ("probed", "scores", "transfer")
    )
    probe = {images: probed.part(probe_images=images) for images in (400, 40)}
    found = [
        switches_with_size(probe[400], 0.25),
        pruning_gains(probe[400], [0.25, 0.5], "factor"),
        worse_probe_returns(probe[400], probe[40], [0.25, 0.5], by="factor"),
        scores_match(scores, "prototypes", "el2n:20"),
        transfer_kept(transfer, 0.25, "easy"),
    ]
    assert [answer.verdict for answer in found] == ["no", "yes", "yes", "yes", "no"]
    for answer in found:
        value = f"{answer.effect.value:.3f} ± {answer.effect.standard_error:.3f}"
        assert f"| **{answer.verdict}** | {answer.measure.replace('−', '-')} | {value} |" in page
