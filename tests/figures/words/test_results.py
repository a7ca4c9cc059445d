"""Results in words: what must be said of fits, accounts, plans and advice, as blocks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from prunelaw.decay.utility import PUBLISHED, with_convention
from prunelaw_figures.words.account import account_blocks
from prunelaw_figures.words.advice import advice_blocks
from prunelaw_figures.words.document import Heading, Table, to_markdown
from prunelaw_figures.words.fits import comparison_blocks, fit_blocks
from prunelaw_figures.words.plan import plan_blocks
from prunelaw_sim.advice.advise import advise
from prunelaw_sim.pools.ensemble import from_standard_errors
from prunelaw_sim.pools.measured import MeasuredCell, MeasuredPools
from prunelaw_sim.pools.plan import plan
from prunelaw_sim.scores.files import Scores
from prunelaw_sim.tables.sweep import Sweep

POOLS = with_convention(PUBLISHED["utility"], "paper")[:2]


def test_a_plan():
    known = from_standard_errors(POOLS, {p.name: 0.02 for p in POOLS}, {}, replicates=20)
    blocks = list(plan_blocks(plan(known, 50e6, selection_cost=0.02)))
    text = to_markdown(blocks)
    for part in ("use these pools, 49.49M samples", "- top 0-10%: weight ", " at 90 %)",
                 "scores take 512k of the 50M (1.02 %)", "next best: the best 2 pools",
                 "schedule, decay per showing: error", "passes in all: ",
                 "scores pay for themselves", "a 2nd pool (top 10-20%) pays",
                 "theorem: samples are drawn uniformly", "as published: ",
                 "statistics: uncertainty: 20 draws"):  # fmt: skip
        assert part in text
    (runs,) = (block for block in blocks if isinstance(block, Table))
    assert runs.title.startswith("runs worth adding") and 0 < len(runs.rows) <= 5


def test_a_plan_that_was_measured_as_asked():
    """Two runs of the first pool, one of the second, which the law has in the other order."""
    runs = [(MeasuredCell(pool.name, 5e7, error, error - 0.01, error + 0.01, count, 0.002, 9.0,
                          "seeds"), pool.size)
            for pool, error, count in zip(POOLS, (0.86, 0.8), (2, 1), strict=True)]  # fmt: skip
    known = from_standard_errors(POOLS, {p.name: 0.001 for p in POOLS}, {}, replicates=20)
    known = replace(known, alternatives=True, measured=MeasuredPools(tuple(runs)))
    text = to_markdown(list(plan_blocks(plan(known, 5e7))))
    for part in ("use top 10-20%, 50M samples", "expect error 0.8, measured in 1 run (0.79 to 0.81",
                 "by the law 0.8", "measured for as many samples: top 0-10% 0.86 (law 0.",
                 "by the law alone, whose choice here is another one:",
                 "warning: the law alone would choose top 0-10%",
                 "the scatter of runs that were made alike"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("better, verdict", [(0.8, "keep hard, f = 0.5"), (0.99, "not told; ")])
def test_advice_on_pruning(better, verdict):
    rows = [(p, f, r, (better if r == "hard" else 1.0) * (p * f) ** -0.5, 0.002) for p, f, r in
            [(100, 0.5, "hard"), (400, 0.5, "hard"), (100, 0.5, "random"), (400, 0.5, "random"),
             (400, 1.0, "random")]]  # fmt: skip
    names = ["dataset_size", "keep_fraction", "rule", "error", "error_se"]
    sweep = Sweep.from_frame(pd.DataFrame(rows, columns=pd.Index(names)), "few.csv")
    found = advise(sweep, 100.0, scores=Scores(np.arange(200.0) // 3, high="hard"))
    blocks = list(advice_blocks(found))
    headings = [block.text for block in blocks if isinstance(block, Heading)]
    assert headings[0] == "Which examples, of 200, at most 100 kept" and len(headings) == 2
    text = to_markdown(blocks)
    assert verdict in text and "warning: 5 points" in text and " of the 3 of exactly this" in text
    assert ("not separated from random" in text) == (better == 0.99)
    assert ("the choice needs none" in text) == found.pruning.settled


def test_fits_and_what_they_leave_open():
    fit = {
        "law": "pruning", "values": {"dimension": 40.0, "theta": 0.3, "floor": 0.0},
        "standard_errors": {"theta": 0.1}, "rmse": 0.01, "held_out": {"rmse": 0.02, "points": 4},
        "not_identified": {"floor": "at its end"}, "reasons": ("lack of fit",),
    }  # fmt: skip
    text = to_markdown(list(fit_blocks(fit)))
    assert "| theta | 0.3 | 0.1 |" in text and "held out: rmse 0.02 of 4 points" in text
    assert "not identified: floor: at its end" in text and "does not describe" in text
    numbers = ("parameters", "held_out_rmse", "rollout_rmse", "delta_aicc", "in_sample_rmse")
    law = {"law": "utility", "verdict": "best, not alone", **dict.fromkeys(numbers, None)}
    compared = {"laws": [law], "log_error": True, "remarks": ["one is left out"],
                "best": "utility", "undecided": ["no-decay"]}  # fmt: skip
    text = to_markdown(list(comparison_blocks(compared)))
    assert "log rmse of held-out runs" in text and "one is left out" in text
    assert "best: utility; not to be told from it: no-decay" in text


def test_an_account_cuts_long_names_and_says_what_is_missing():
    column = {"column": "model", "canonical": "run", "unit": "", "values": ["x" * 100, "short"]}
    found = {
        "source": "a.csv", "format": "table", "why": "a header", "columns": [column],
        "ignored": ["lr"], "rows": {"read": 3, "used": 2}, "counts": {"run": 2},
        "dropped": [{"rows": 1, "why": "no error"}], "replicates": {"points": 1, "most": 2},
        "laws": {"utility": ["pool"], "pruning": []}, "warnings": [], "notes": ["computed epochs"],
    }  # fmt: skip
    text = to_markdown(list(account_blocks(found)))
    assert f"{'x' * 39}…, short" in text and "- 1 dropped: no error" in text
    assert "2 runs; 1 points with replicates, up to 2 seeds" in text
    assert "| utility | no: needs pool |" in text and "| pruning | yes |" in text
    assert "not used: lr" in text and text.rstrip().endswith("note: computed epochs")
