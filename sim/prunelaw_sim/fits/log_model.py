"""A law fitted in the logarithm of the error: for losses over decades, whose scatter is relative.

value = log y,    ∂ value/∂p = (∂y/∂p)/y,    weight on log y = weight · y
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from prunelaw.errors import InputError
from prunelaw_sim.fits.least_squares import Model
from prunelaw_sim.fits.rows import Table


class LogModel(Model):
    """`inner`, with predictions and data as logarithms."""

    def __init__(self, inner: Model) -> None:
        self.inner = inner
        self.parameters, self.kinds = inner.parameters, inner.kinds
        self.low, self.high = inner.low, inner.high

    def evaluate(
        self, p: Float[np.ndarray, "batch p"]
    ) -> tuple[Float[np.ndarray, "batch rows"], Float[np.ndarray, "batch rows p"]]:
        """Log errors and derivatives; not finite where the law gives 0: no step goes there."""
        error, jacobian = self.inner.evaluate(p)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(error), jacobian / error[..., None]

    def starts(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "starts p"]:
        """Those of the law, with the weights that logarithms give."""
        true = np.exp(error)
        return self.inner.starts(true, weight / true)

    def on(self, runs: Table | pd.DataFrame) -> LogModel:
        """The same on the rows of another table."""
        return LogModel(self.inner.on(runs))

    def coordinates(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Those of the law."""
        return self.inner.coordinates()

    def kind_of_rows(self) -> Int[np.ndarray, " rows"]:
        """Those of the law."""
        return self.inner.kind_of_rows()

    def row_in_words(self, row: int) -> str:
        """Those of the law."""
        return self.inner.row_in_words(row)

    def at_edge(self, name: str, upper: bool) -> str:
        """The law's words."""
        return self.inner.at_edge(name, upper)

    def uninformed(self) -> dict[str, str]:
        """The law's words."""
        return self.inner.uninformed()

    def scaled(
        self, error: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"]
    ) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
        """Log errors; `InputError` for an error of 0."""
        if not (error > 0.0).all():
            row = int(np.flatnonzero(~(error > 0.0))[0])
            raise InputError(
                f"log_error needs errors > 0, got {error[row]:g} (number {row} of the rows to fit)"
            )
        return np.log(error), weight * error

    def to_error(self, scaled: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """exp."""
        return np.exp(scaled)


def inner_model(model: Model) -> Model:
    """The law itself, whether or not it is fitted in logarithms."""
    return model.inner if isinstance(model, LogModel) else model
