"""Which examples a rule keeps, from their scores: the pruning of real data.

Scores are HIGH = HARD.  Everything is decided by ranks, so that the scale of a score does not
matter, and ties are broken by a random order that the seed fixes.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_integer, check_number, check_real
from prunelaw.errors import InputError

GRAMMAR = "hard, easy, random, band:CENTRE with CENTRE in [0, 1], or band:LOW,HIGH of them"


def kept_examples(
    scores: Float[np.ndarray, " P"],
    f: float,
    rule: str,
    *,
    seed: int = 0,
    labels: Int[np.ndarray, " labels"] | None = None,
    class_share: float = 0.0,
) -> Int[np.ndarray, " kept"]:
    """Numbers in [0, P), ascending, of the round(f P) examples that the rule keeps; at least one.

    Rules rank the examples by their quantile q, 0 the easiest and 1 the hardest:

        hard          the largest q
        easy          the smallest q
        random        any, scores unseen
        band:C        the q nearest to C: easy at C = 0, hard at C = 1
        band:LO,HI    the q in [LO, HI]; f may not exceed HI - LO, and below it they are drawn at
                      random from inside

    Class balance: with `class_share` s in [0, 1], every class keeps the best of its own by the rule
    until it has s round(f P)/classes of them, rounded down, or all that it has; what is then left
    goes to the best of all.  s = 1/2 is that of Sorscher et al. 2022; s = 0 leaves classes to the
    score.  With one seed, the kept sets of a rule grow with f if s = 0.

    **Raises:** `InputError` for scores that are not finite, f outside (0, 1], an unknown rule, a
    band narrower than f, and a class share without labels.
    """
    count = len(check_real("scores", scores))
    check_number("f", f, 0.0, 1.0, low_open=True)
    check_number("class_share", class_share, 0.0, 1.0)
    if not count:
        raise InputError("scores must hold one example or more, got none")
    kept = max(1, round(f * count))
    preference = _preference(scores, kept, rule, check_integer("seed", seed, 0))
    if class_share:
        preference = _balanced(preference, kept, _checked_labels(labels, count), class_share)
    return np.sort(preference[:kept])


def hardness_order(scores: Float[np.ndarray, " P"], seed: int) -> Int[np.ndarray, " P"]:
    """Examples from the easiest to the hardest; equal ones in a random order."""
    shuffled = np.random.default_rng([seed, 1]).permutation(len(scores))
    return shuffled[np.argsort(scores[shuffled], kind="stable")]


def tied_count(values: Float[np.ndarray, " P"]) -> int:
    """How many of the values are not alone: their order is the seed's."""
    counts = np.unique(values, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _preference(
    scores: Float[np.ndarray, " P"], kept: int, rule: str, seed: int
) -> Int[np.ndarray, " P"]:
    """All examples, those first that the rule would keep first."""
    if rule == "random":
        return np.random.default_rng([seed, 0]).permutation(len(scores))
    order = hardness_order(scores, seed)
    if rule in ("hard", "easy"):
        return order[::-1] if rule == "hard" else order
    edges = band_quantiles(rule, f"{GRAMMAR}, LOW < HIGH")
    quantiles = (np.arange(len(scores)) + 0.5) / len(scores)
    if len(edges) == 1:
        return order[np.argsort(np.abs(quantiles - edges[0]), kind="stable")]
    low, high = (round(edge * len(scores)) for edge in edges)
    if high - low < kept:
        raise InputError(
            f"rule {rule} holds {high - low} of {len(scores)} examples: f must be at most "
            f"{(high - low) / len(scores):.6g}, got {kept / len(scores):.6g}"
        )
    inside = np.random.default_rng([seed, 2]).permutation(order[low:high])
    beyond = np.concatenate([order[:low][::-1], order[high:]])
    return np.concatenate([inside, beyond])


def band_quantiles(rule: Any, allowed: str) -> list[float]:
    """The centre of a band, or its two edges: quantiles of hardness in [0, 1], ascending.

    Raises `InputError` for any other rule; its message says what is `allowed`.
    """
    name, _, rest = rule.partition(":") if isinstance(rule, str) else ("", "", "")
    try:
        edges = [float(edge) for edge in rest.split(",")]
    except ValueError:
        edges = []
    inside = all(0.0 <= edge <= 1.0 for edge in edges)
    ascending = len(edges) == 1 or (len(edges) == 2 and edges[0] < edges[1])
    if name != "band" or not inside or not ascending:
        raise InputError(f"rule must be {allowed}; got {rule!r}")
    return edges


def _checked_labels(
    labels: Int[np.ndarray, " labels"] | None, count: int
) -> Int[np.ndarray, " labels"]:
    if labels is None:
        raise InputError("class_share needs labels: give the class of every example")
    if len(labels) != count:
        raise InputError(f"labels must be one for each of {count} scores, got {len(labels)}")
    return labels


def _balanced(
    preference: Int[np.ndarray, " P"],
    kept: int,
    labels: Int[np.ndarray, " P"],
    class_share: float,
) -> Int[np.ndarray, " P"]:
    """The preference with each class's guaranteed examples moved to the front."""
    classes = np.unique(labels)
    floor = int(class_share * kept / len(classes) + 1e-9)  # 0.3 * 10 / 3 is below 1 by rounding
    ranked = labels[preference]
    guaranteed = np.zeros(len(labels), dtype=bool)
    for label in classes:
        guaranteed[np.flatnonzero(ranked == label)[:floor]] = True
    return np.concatenate([preference[guaranteed], preference[~guaranteed]])
