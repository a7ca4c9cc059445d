"""What a reader of a result must know beside its numbers: one class for notes and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Note:
    """Something to know beside the numbers of a result, for programs and for people.

    Whether it is a warning, an assumption or a remark, the field says in which it stands.

    Attributes:
        kind: a fixed name, as "not_identified" or "extrapolation"; programs may rely on it.
        message: one sentence or two, which may change; its text is `str(note)`.
        parameters: of a fitted law, those that it is about; None where there is no such law.
    """

    kind: str
    message: str
    parameters: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.message

    def to_dict(self) -> dict[str, Any]:
        """For JSON; without `parameters` where there is no fitted law."""
        about = {} if self.parameters is None else {"parameters": list(self.parameters)}
        return {"kind": self.kind, **about, "message": self.message}
