"""The baseline that knows nothing of the theory: a power law in the kept examples for each rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy.optimize import least_squares

from prunelaw.errors import InputError
from prunelaw_sim.laws.pruning_search import point_weights


@dataclass(frozen=True)
class KeptPowerLaw:
    """error = floor + scale · (f P)^−β, one (scale, β) a rule and one floor for all.

    scales are at f P = `centre`, the geometric mean of the kept numbers fitted.
    """

    floor: float
    scales: dict[str, float]
    exponents: dict[str, float]
    centre: float

    def predict(self, points: pd.DataFrame) -> Float[np.ndarray, " points"]:
        """Errors at dataset_size, keep_fraction and rule.  `InputError` for a rule not fitted."""
        rules = points["rule"].to_numpy(str)
        unknown = sorted(set(rules.tolist()) - set(self.scales))
        if unknown:
            raise InputError(f"rule must be one that was fitted, got {unknown[0]!r}")
        kept = (points["dataset_size"] * points["keep_fraction"]).to_numpy(float) / self.centre
        scale = np.array([self.scales[rule] for rule in rules])
        return self.floor + scale * kept ** -np.array([self.exponents[rule] for rule in rules])


def fit_kept_power_law(points: pd.DataFrame, fitted: Bool[np.ndarray, " points"]) -> KeptPowerLaw:
    """The law of least weighted squares through the points marked `fitted`.

    Rules that none of them has are given those of the first rule by name.
    """
    kept = np.log((points["dataset_size"] * points["keep_fraction"]).to_numpy(float))
    error, rules = points["error"].to_numpy(float), points["rule"].to_numpy(str)
    names = sorted(set(rules[fitted]))
    index = np.array([names.index(rule) if rule in names else 0 for rule in rules])
    weights, centre = point_weights(points), float(kept.mean())

    def predicted(p: np.ndarray) -> np.ndarray:
        scales, slopes = p[1 : 1 + len(names)], p[1 + len(names) :]
        return p[0] + np.exp(scales[index] - slopes[index] * (kept - centre))

    start = np.concatenate(
        [[0.0], np.full(len(names), np.log(error.mean())), 0.5 * np.ones(len(names))]
    )
    lower = np.concatenate([[0.0], np.full(len(names), -np.inf), np.zeros(len(names))])
    found = least_squares(
        lambda p: ((predicted(p) - error) * weights)[fitted],
        start,
        bounds=(lower, np.inf),
        x_scale=np.concatenate([[0.05], np.ones(2 * len(names))]),
    )
    scales, exponents = np.exp(found.x[1 : 1 + len(names)]), found.x[1 + len(names) :]
    at = {rule: names.index(rule) if rule in names else 0 for rule in sorted(set(rules))}
    return KeptPowerLaw(
        float(found.x[0]),
        {rule: float(scales[i]) for rule, i in at.items()},
        {rule: float(exponents[i]) for rule, i in at.items()},
        float(np.exp(centre)),
    )
