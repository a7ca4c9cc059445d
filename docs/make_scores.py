"""Prints the tables of docs/scores.md: cost, agreement and correlations of scores on the digits.

    python docs/make_scores.py

A minute on two cores.  1000 digits are scored, 400 are outside; three such splits, two seeds each.
"""

from itertools import combinations

import numpy as np
from scipy.stats import spearmanr

from prunelaw_sim.networks.datasets import load_dataset
from prunelaw_sim.networks.models import as_model
from prunelaw_sim.networks.recipes import as_recipe
from prunelaw_sim.scores import ScoreInputs, ScoreResult, catalogue, compute_score

SCORES = ("random", *(name for name in catalogue.names() if name != "random"), "el2n:20")
POOL, OUTSIDE, SPLITS = 1000, 400, 3


def main() -> None:
    """Two tables: a row a family; Spearman's rank correlations of all pairs."""
    pairs = [[scored(split, seed) for seed in (0, 1)] for split in range(SPLITS)]
    print("| score | samples seen | epochs of the pool | tied | correlation of two seeds |")
    print("|---|---|---|---|---|")
    for name in SCORES:
        one = pairs[0][0][name]
        tied = np.mean([first[name].tied for first, _ in pairs]) / POOL
        both = np.mean([correlation(first[name], second[name]) for first, second in pairs])
        cost = one.cost_samples
        print(f"| {name} | {cost:,.0f} | {cost / POOL:.1f} | {tied:.0%} | {both:.2f} |")
    print(f"\n| | {' | '.join(SCORES[1:])} |\n|---|{'---|' * (len(SCORES) - 1)}")
    found = {
        pair: np.mean([correlation(*(first[name] for name in pair)) for first, _ in pairs])
        for pair in combinations(SCORES, 2)
    }
    for name in SCORES[1:]:
        cells = [
            "" if other == name else f"{found.get((name, other), found.get((other, name))):.2f}"
            for other in SCORES[1:]
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def scored(split: int, seed: int) -> dict[str, ScoreResult]:
    """All scores of one split of the digits."""
    digits = load_dataset("digits")
    order = np.random.default_rng(split).permutation(len(digits))
    inputs = ScoreInputs(
        digits,
        order[:POOL],
        order[POOL : POOL + OUTSIDE],
        as_model("mlp:64"),
        as_recipe("epochs=20"),
        seed,
    )
    return {name: compute_score(name, inputs) for name in SCORES}


def correlation(one: ScoreResult, other: ScoreResult) -> float:
    """Spearman's, of the two rankings."""
    return float(spearmanr(one.values, other.values).statistic)


if __name__ == "__main__":
    main()
