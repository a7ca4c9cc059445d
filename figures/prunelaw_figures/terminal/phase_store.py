"""The files of one phase diagram: data, pictures, and the partial results of a run under way."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from prunelaw.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw.pruning.phase import PhaseDiagram


class PhaseStore:
    """OUT.npz, OUT.png and OUT.svg, and OUT.partial.npz until they are written.

    Raises `InputError` if one of the three exists, or the folder does not.
    """

    def __init__(self, out: Path):
        self.files = [out.with_name(f"{out.name}.{ending}") for ending in ("npz", "png", "svg")]
        self.partial_file = out.with_name(f"{out.name}.partial.npz")
        if not out.parent.is_dir():
            raise InputError(f"--out must lie in a folder that exists, got {out}")
        for file in self.files:
            if file.exists():
                raise InputError(f"--out must be new: {file} exists; choose another name")

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
        fresh = self.partial_file.with_suffix(".tmp")
        with open(fresh, "wb") as file:
            np.savez(file, allow_pickle=False, **state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.partial_file)

    def finish(self, diagram: "PhaseDiagram", figure: "Figure") -> list[str]:
        """Writes the three files, then removes the partial one; their names."""
        data, png, svg = self.files
        arrays = {f"error_{rule}": error for rule, error in diagram.error.items()}
        with open(data, "xb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                **{diagram.x_name: diagram.x, diagram.y_name: diagram.y},
                **{name: np.array(value) for name, value in diagram.fixed.items()},
                **arrays,
                rules=np.array(diagram.rules),
                best=diagram.best,
                band_low=diagram.band_low,
                band_high=diagram.band_high,
                converged=diagram.converged,
                axes=np.array([diagram.y_name, diagram.x_name]),
            )
        figure.savefig(png)
        figure.savefig(svg)
        self.partial_file.unlink(missing_ok=True)
        return [str(file) for file in self.files]
