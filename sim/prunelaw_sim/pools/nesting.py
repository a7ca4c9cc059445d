"""Do pools share samples?  Ranges of a score say so; names and sizes give reason to ask.

Filters as people make them contain each other: the best 10 %, 20 %, 30 % of one data set.  The law
of a mixture repeats each sample in its own pool, so that a union of such pools counts their common
samples twice.  Pools that share samples are alternatives: one of them is trained on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from prunelaw.checks import check_choice
from prunelaw.errors import InputError
from prunelaw_sim.tables.questions import option

ARE = ("disjoint", "alternatives")
SAME = 1e-6  # of a quantile
CLOSE = 0.05  # relative: sizes in the ratio of what names say

_RANGE = re.compile(r"\d\s*%?\s*(?:-|–|to|:|\.\.)\s*\d")  # top 10-20%, q80:100
_ENDS = re.compile(
    r"(?<![\d.])(\d+(?:\.\d+)?)\s*%?\s*(?:-|–|to|_to_|:|\.\.)\s*(\d+(?:\.\d+)?)(?![\d.]*\d)"
)
_PART = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?|\.\d+)\s*(%|pct|percent|perc|p(?![a-z]))?", re.I)
_FIRST = re.compile(
    r"(?:top|best|first|keep|kept|hardest|easiest|highest|lowest|upper|cleanest|percentile|above|"
    r"over|threshold|thr|frac\w*|quantile|cut\w*|≥|>=?|\bp(?=\d)|\bq(?=\d))",
    re.I,
)  # fmt: skip
_WHOLE = re.compile(
    r"\b(all|full|whole|entire|everything|unfiltered|raw|no[ _-]?filter\w*|none|baseline|100\s*%)",
    re.I,
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def alternatives(
    sizes: Mapping[str, float],
    ranges: Mapping[str, tuple[float, float]] | None = None,
    pools_are: str | None = None,
) -> tuple[bool, str]:
    """Whether pools are alternatives to each other, and how that is known.

    Args:
        sizes: unique samples by name.
        ranges: the part of the data, by score, that each holds; (low, high) in [0, 1].
        pools_are: "disjoint" or "alternatives", where it is known.

    Raises:
        InputError: where names or sizes look nested and nobody says what the pools are; for ranges
            that overlap and are said to be disjoint.
    """
    if pools_are is not None:
        check_choice("pools_are", pools_are, ARE)
    if ranges:
        return _by_ranges(ranges, pools_are)
    if pools_are is not None or len(sizes) < 2:
        return pools_are == "alternatives", "as said" if pools_are else "taken to be disjoint"
    why = looks_nested(sizes)
    if why:
        listed = ", ".join(list(sizes)[:4]) + (", ..." if len(sizes) > 4 else "")
        raise InputError(
            f"pools_are must be said for the pools {listed}: {why}, so that they may contain each "
            "other, and a union would count their common samples twice. "
            f"{option(pools_are='alternatives')} trains on one of them; "
            f"{option(pools_are='disjoint')} unites them"
        )
    return False, "taken to be disjoint"


def _by_ranges(
    ranges: Mapping[str, tuple[float, float]], pools_are: str | None
) -> tuple[bool, str]:
    names = list(ranges)
    for i, one in enumerate(names):
        for other in names[:i]:
            (a, b), (c, d) = ranges[one], ranges[other]
            if min(b, d) - max(a, c) > SAME:
                if pools_are == "disjoint":
                    raise InputError(
                        f"pools_are must be alternatives: {one!r} ({a:g} to {b:g}) and {other!r} "
                        f"({c:g} to {d:g}) share samples; got 'disjoint'"
                    )
                return True, "their ranges of the score overlap"
    return pools_are == "alternatives", "their ranges of the score do not overlap"


def looks_nested(sizes: Mapping[str, float]) -> str:
    """Why pools of these names and sizes may contain each other; empty where nothing says so."""
    names = list(sizes)
    if overlap := _overlapping(names):
        return "the ranges in {!r} and {!r} overlap".format(*overlap)
    said = [name for name in names if _FIRST.search(name) and not _RANGE.search(name)]
    parts = {name: part_of(name) for name in names}
    nested = [name for name in said if parts[name] is not None]
    if len({parts[name] for name in nested}) > 1:
        return "their names are of filters of different strength"
    whole = [name for name in names if _WHOLE.search(name)]
    if whole and sizes[whole[0]] >= (1.0 - CLOSE) * (sum(sizes.values()) - sizes[whole[0]]):
        return f"{whole[0]!r} sounds like all of the data"
    return _by_stem(names, sizes)


def _overlapping(names: Sequence[str]) -> tuple[str, str] | None:
    """Two names with ranges of per cent that share some, as `top 0-10%` and `top0to40p`."""
    ranges = {}
    for name in names:
        if found := _ENDS.search(name):
            low, high = float(found[1]), float(found[2])
            if low < high <= 100.0:
                ranges[name] = (low, high)
    for i, one in enumerate(ranges):
        for other in list(ranges)[i + 1 :]:
            (a, b), (c, d) = ranges[one], ranges[other]
            if min(b, d) > max(a, c):
                return one, other
    return None


def part_of(name: str) -> float | None:
    """The number in a name, as `top 30%`, `keep_0.3`, `p90`; None for a range and for none."""
    if _RANGE.search(name):
        return None
    found = _PART.search(name) or _NUMBER.search(name)
    return None if found is None else float(found[1] if found.re is _PART else found[0])


def _by_stem(names: Sequence[str], sizes: Mapping[str, float]) -> str:
    """Names that differ in one number alone, to which their sizes are in proportion."""
    numbers = {name: _NUMBER.findall(name) for name in names}
    stems = {_NUMBER.sub("#", name) for name in names}
    if len(stems) > 1 or any(len(found) != 1 for found in numbers.values()) or len(names) < 2:
        return ""
    value = {name: float(numbers[name][0]) for name in names}
    if min(value.values()) <= 0.0:
        return ""
    ratios = [sizes[name] / value[name] for name in names]
    if max(ratios) <= (1.0 + CLOSE) * min(ratios) and len(set(value.values())) > 1:
        return "their sizes are in the ratio of the numbers in their names"
    return ""
