"""Which examples a rule keeps of a pool: the one pruning, of simulated and of real data.

Hardness is HIGH = HARD.  Everything is decided by ranks, so that its scale does not matter.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer, check_number, check_real
from prunelaw.errors import InputError
from prunelaw.keep import Easy, Hard, Quantiles, Random, as_rule

GRAMMAR = "hard, easy, random, quantiles:CENTRE or quantiles:LOW,HIGH"
OLD_BAND, BAND = "band:", "quantiles:"


def rounded_count(share: float | int, count: int) -> int:
    """share · count as a whole number; halves round up."""
    return int(np.floor(share * count + 0.5))


def preference(
    rule: str, hardness: Float[np.ndarray, " P"], order: Int[np.ndarray, " P"] | None = None
) -> Int[np.ndarray, " P"]:
    """All examples, those first that the rule hard, easy or random keeps first.

    Examples of equal hardness, and all examples for random, stay in `order`: as they come if None.
    """
    order = np.arange(len(hardness)) if order is None else order
    if rule == "random":
        return order
    sign = -1.0 if rule == "hard" else 1.0
    return order[np.argsort(sign * hardness[order], kind="stable")]


def kept_examples(
    scores: Float[np.ndarray, " P"],
    f: float,
    rule: Any,
    *,
    seed: int = 0,
    labels: Int[np.ndarray, " labels"] | None = None,
    class_share: float = 0.0,
) -> Int[np.ndarray, " kept"]:
    """Numbers in [0, P), ascending, of the f P (halves up) examples that the rule keeps.

    At least one is kept.  Rules rank by the quantile q of the score, 0 the easiest and 1 the
    hardest; equal scores are in a random order that the seed fixes:

        hard               the largest q
        easy               the smallest q
        random             any, scores unseen
        quantiles:C        the q nearest to C: easy at C = 0, hard at C = 1
        quantiles:LO,HI    the q in [LO, HI]; f is at most HI - LO, and below it they are drawn at
                           random from inside

    With one seed, the kept sets of a rule grow with f if classes are left to the score.

    Args:
        scores: one number an example, high = hard.
        f: fraction kept, in (0, 1].
        labels: classes of the examples, for `class_share`.
        class_share: s in [0, 1]: every class keeps the best of its own by the rule until it has
            s/classes of the kept ones, rounded down, or all that it has; the rest goes to the best
            of all.  1/2 is that of Sorscher et al. 2022, 0 leaves classes to the score.

    Raises:
        InputError: for scores that are not finite, f outside (0, 1], a rule that is none of ranks,
            a band narrower than f, and a class share without labels.
    """
    count = len(check_real("scores", scores))
    check_number("f", f, 0.0, 1.0, low_open=True)
    check_number("class_share", class_share, 0.0, 1.0)
    if not count:
        raise InputError("scores must hold one example or more, got none")
    kept = max(1, rounded_count(f, count))
    ranked = _ranked(scores, kept, rule, check_integer("seed", seed, 0))
    if class_share:
        ranked = _balanced(ranked, kept, _checked_labels(labels, count), class_share)
    return np.sort(ranked[:kept])


def hardness_order(scores: Float[np.ndarray, " P"], seed: int) -> Int[np.ndarray, " P"]:
    """Examples from the easiest to the hardest; equal ones in a random order."""
    return preference("easy", scores, np.random.default_rng([seed, 1]).permutation(len(scores)))


def tied_count(values: Float[np.ndarray, " P"]) -> int:
    """How many of the values are not alone: their order is the seed's."""
    counts = np.unique(values, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def of_ranks(rule: Any) -> Hard | Easy | Random | Quantiles:
    """A rule that needs nothing but ranks, from its text or object; `InputError` for others."""
    found = as_rule(rule)
    if not isinstance(found, Hard | Easy | Random | Quantiles):
        raise InputError(f"rule must be one of ranks, {GRAMMAR}; got {found.name}")
    return found


def read_old_band(text: str) -> str:
    """`band:` of real runs, as written before `quantiles:` was: quantiles of hardness too."""
    return text.replace(OLD_BAND, BAND, 1) if text.startswith(OLD_BAND) else text


def old_band_note(texts: Any) -> list[str]:
    """What a table says about rules that `read_old_band` changes; nothing where there is none."""
    old = sorted({text for text in texts if text.startswith(OLD_BAND)})
    if not old:
        return []
    return [
        f"rules {', '.join(old)} are read as quantiles of hardness, {read_old_band(old[0])}: "
        "band: is of |z| in simulated runs alone"
    ]


def _ranked(
    scores: Float[np.ndarray, " P"], kept: int, rule: Any, seed: int
) -> Int[np.ndarray, " P"]:
    """All examples, those first that the rule would keep first."""
    found, count = of_ranks(rule), len(scores)
    if isinstance(found, Random):
        return np.random.default_rng([seed, 0]).permutation(count)
    order = hardness_order(scores, seed)
    if not isinstance(found, Quantiles):
        return order[::-1] if isinstance(found, Hard) else order
    if found.high is None:
        quantiles = (np.arange(count) + 0.5) / count
        return order[np.argsort(np.abs(quantiles - found.low), kind="stable")]
    low, high = (rounded_count(edge, count) for edge in (found.low, found.high))
    if high - low < kept:
        raise InputError(
            f"rule {found.name} holds {high - low} of {count} examples: f must be at most "
            f"{(high - low) / count:.6g}, got {kept / count:.6g}"
        )
    inside = np.random.default_rng([seed, 2]).permutation(order[low:high])
    return np.concatenate([inside, order[:low][::-1], order[high:]])


def _checked_labels(
    labels: Int[np.ndarray, " labels"] | None, count: int
) -> Int[np.ndarray, " labels"]:
    if labels is None:
        raise InputError("class_share needs labels: give the class of every example")
    if len(labels) != count:
        raise InputError(f"labels must be one for each of {count} scores, got {len(labels)}")
    return labels


def _balanced(
    ranked: Int[np.ndarray, " P"], kept: int, labels: Int[np.ndarray, " P"], class_share: float
) -> Int[np.ndarray, " P"]:
    """The preference with each class's guaranteed examples moved to the front."""
    classes = np.unique(labels)
    floor = int(class_share * kept / len(classes) + 1e-9)  # 0.3 * 10 / 3 is below 1 by rounding
    mine = labels[ranked]
    guaranteed = np.zeros(len(labels), dtype=bool)
    for label in classes:
        guaranteed[np.flatnonzero(mine == label)[:floor]] = True
    return np.concatenate([ranked[guaranteed], ranked[~guaranteed]])
