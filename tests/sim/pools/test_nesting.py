"""Pools that may share samples: ranges settle it, names and sizes are asked about."""

import pytest

from prunelaw.errors import InputError
from prunelaw_sim.pools.nesting import alternatives, looks_nested, part_of

NESTED = [
    ("top 10%", "top 20%", "top 30%"),
    ("top10", "top30"),
    ("top_10pct", "top_50pct"),
    ("best 20 percent", "best 40 percent"),
    ("keep_0.3", "keep_0.5"),
    ("frac0.1", "frac0.25", "all"),
    ("clip > 0.28", "clip > 0.30"),
    ("score>=0.5", "score>=0.7"),
    ("p90", "p75", "p50"),
    ("CLIP top 30%", "LAION top 10%"),
]
DISJOINT = [
    ("top 0-10%", "top 10-20%", "top 20-30%"),
    ("q0:25", "q25:50"),
    ("clean", "noisy"),
    ("web", "books", "code"),
    ("C4", "pile"),
    ("bucket 1", "bucket 2", "bucket 3"),
    ("shard-01", "shard-02"),
]


def equal(names):
    return dict.fromkeys(names, 1e6)


@pytest.mark.parametrize("names", NESTED)
def test_nested_names_are_asked_about(names):
    with pytest.raises(InputError, match="pools_are='alternatives'"):
        alternatives(equal(names))
    assert alternatives(equal(names), pools_are="alternatives")[0]
    assert not alternatives(equal(names), pools_are="disjoint")[0]


@pytest.mark.parametrize("names", DISJOINT)
def test_other_names_are_taken_to_be_disjoint(names):
    assert looks_nested(equal(names)) == ""
    assert alternatives(equal(names)) == (False, "taken to be disjoint")


def test_sizes_in_the_ratio_of_numbers_are_asked_about():
    assert "ratio of the numbers" in looks_nested({"dfn 10": 1e6, "dfn 20": 2e6, "dfn 40": 4e6})
    assert looks_nested({"dfn 10": 1e6, "dfn 20": 1e6, "dfn 40": 1e6}) == ""


def test_the_whole_beside_its_parts_is_asked_about():
    assert "all of the data" in looks_nested({"clean": 1e6, "noisy": 1e6, "all": 2e6})
    assert looks_nested({"small": 1e6, "other": 9e6}) == ""


def test_ranges_settle_it():
    nested = {"a": (0.9, 1.0), "b": (0.7, 1.0)}
    apart = {"a": (0.9, 1.0), "b": (0.7, 0.9)}
    assert alternatives(equal("ab"), nested) == (True, "their ranges of the score overlap")
    assert alternatives(equal(("top 10%", "top 30%")), apart)[0] is False
    with pytest.raises(InputError, match="share samples"):
        alternatives(equal("ab"), nested, "disjoint")
    with pytest.raises(InputError, match="pools_are must be one of disjoint, alternatives"):
        alternatives(equal("ab"), pools_are="both")


def test_numbers_in_names():
    assert [part_of(n) for n in ("top 30%", "keep_0.3", "p90", "top 0-10%", "web")] == [
        30.0, 0.3, 90.0, None, None,
    ]  # fmt: skip
