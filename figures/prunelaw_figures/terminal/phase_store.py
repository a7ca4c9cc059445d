"""The files of one phase diagram: data, pictures, and the partial results of a run under way."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from prunelaw.errors import InputError
from prunelaw_sim.common.new_file import check_new_file, replace_file, write_new_file

if TYPE_CHECKING:
    from prunelaw.pruning.phase import PhaseDiagram


class PhaseStore:
    """OUT.npz, OUT.png and OUT.svg, and OUT.partial.npz until they are written.

    Raises:
        InputError: if one of the three exists, or the folder does not.
    """

    def __init__(self, out: Path):
        self.files = [out.with_name(f"{out.name}.{ending}") for ending in ("npz", "png", "svg")]
        self.partial_file = out.with_name(f"{out.name}.partial.npz")
        for file in self.files:
            check_new_file("--out", file)

    def partial(self) -> dict[str, np.ndarray] | None:
        """The results of an interrupted run, if there are any."""
        if not self.partial_file.exists():
            return None
        try:
            with np.load(self.partial_file) as file:
                return dict(file)
        except (OSError, ValueError, BadZipFile) as cause:
            raise InputError(f"{self.partial_file} is damaged ({cause}); delete it") from cause

    def save_partial(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the partial file at once, so that it is whole at every moment."""
        replace_file(self.partial_file, _npz(state))

    def finish(self, diagram: "PhaseDiagram", png: bytes, svg: bytes) -> list[str]:
        """Writes the three files, then removes the partial one; their names."""
        data = {
            diagram.x_name: diagram.x,
            diagram.y_name: diagram.y,
            **diagram.fixed,
            **{f"error_{rule}": error for rule, error in diagram.error.items()},
            "rules": diagram.rules,
            **{n: getattr(diagram, n) for n in ("best", "band_low", "band_high", "converged")},
            "axes": (diagram.y_name, diagram.x_name),
        }
        for file, content in zip(self.files, (_npz(data), png, svg), strict=True):
            write_new_file("--out", file, content)
        self.partial_file.unlink(missing_ok=True)
        return [str(file) for file in self.files]


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
