"""How far a prediction lies beyond the rows that its law was fitted to."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float

from prunelaw_sim.fits.model import Model

_ROUNDED = 0.01  # doublings: counts are often printed rounded


def beyond_data(model: Model, frame: pd.DataFrame) -> tuple[dict[str, float], ...]:
    """For every row: coordinate → doublings outside the range of the fitted rows of its kind.

    Coordinates are the model's (samples seen, epochs, unique samples, parameters, compute); rows of
    another pool or group are another kind.  Inside the range: an empty dict.  A pool that was
    fitted in other groups only counts as {"pool": inf}.
    """
    there = model.on(frame)
    outside: list[dict[str, float]] = [{} for _ in range(len(frame))]
    for name, values in there.coordinates().items():
        fitted = model.coordinates()[name]
        for i, value in enumerate(values):
            alike = fitted[model.kind_of_rows() == there.kind_of_rows()[i]]
            if not alike.size:
                outside[i]["pool"] = np.inf
                continue
            distance = _doublings_outside(value, alike)
            if distance > _ROUNDED:
                outside[i][name] = distance
    return tuple(outside)


def _doublings_outside(value: float, fitted: Float[np.ndarray, " n"]) -> float:
    return float(max(np.log2(value / fitted.max()), np.log2(fitted.min() / value), 0.0))
