"""What a reader of a result must know beside its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Note:
    """Something that a reader of the plan must know; `kind` is for programs, `message` for people.

    Warnings: "no_uncertainty", "beyond_range", "extrapolation", "below_one_epoch", "selection",
    "no_schedule", and those of the fit ("not_identified", "at_bound", "ridge", "other_optimum",
    "misfit").
    Assumptions: "theorem", "as_published", "extension", "statistics".
    """

    kind: str
    message: str
