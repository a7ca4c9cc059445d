"""The files of one phase diagram: data, pictures, and the partial results of a run under way."""

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from prunelaw.checks import check_choice
from prunelaw.errors import InputError
from prunelaw_figures.terminal.interrupt import keeps
from prunelaw_sim.common.new_file import check_new_file, replace_file, write_new_file

if TYPE_CHECKING:
    from prunelaw.pruning.phase import PhaseDiagram


PICTURES = ("png", "svg", "pdf")


class PhaseStore:
    """OUT.npz and pictures as OUT.png, and OUT.partial.npz until they are written.

    Raises:
        InputError: if one of them exists, or the folder does not.
    """

    @classmethod
    def at(cls, out: Path, formats: Sequence[str] | None) -> "PhaseStore":
        """Files by --out and --format: the picture that OUT names, or those of the formats."""
        ending = out.suffix.removeprefix(".")
        for kind in formats or ():
            check_choice("--format", kind, PICTURES)
        if ending not in PICTURES:
            return cls(out, formats or ("png", "svg"))
        if formats and list(formats) != [ending]:
            raise InputError(
                f"--format must be {ending}, as --out {out} ends, or --out without ending; got "
                f"{','.join(formats)}"
            )
        return cls(out.with_suffix(""), (ending,))

    def __init__(self, out: Path, formats: Sequence[str] = ("png", "svg")):
        self.formats = tuple(dict.fromkeys(formats))
        self.files = [out.with_name(f"{out.name}.{end}") for end in ("npz", *self.formats)]
        self.partial_file = out.with_name(f"{out.name}.partial.npz")
        for file in self.files:
            check_new_file("--out", file)

    def partial(self) -> dict[str, np.ndarray] | None:
        """The results of an interrupted run, if there are any."""
        if not self.partial_file.exists():
            return None
        try:
            with open(self.partial_file, "rb") as file, np.load(file) as arrays:
                found = dict(arrays)
        except (OSError, ValueError, TypeError, EOFError, BadZipFile, zlib.error) as cause:
            raise InputError(
                f"{self.partial_file} is damaged, or no partial result ({cause}); move it, or "
                "choose another --out"
            ) from cause
        self._keeps_partial()
        return found

    def of_another(self) -> InputError:
        """The error for partial results that are not of what is asked for."""
        return InputError(
            f"{self.partial_file} holds results of another grid or of other rules, or something "
            "else; move it, or choose another --out"
        )

    def save_partial(self, state: Mapping[str, np.ndarray]) -> None:
        """Replaces the partial file at once, so that it is whole at every moment."""
        replace_file(self.partial_file, _npz(state))
        self._keeps_partial()

    def _keeps_partial(self) -> None:
        keeps(f"{self.partial_file} holds finished blocks, and the same command goes on from there")

    def finish(self, diagram: "PhaseDiagram", pictures: Mapping[str, bytes]) -> list[str]:
        """Writes data and pictures, then removes the partial file; their names."""
        data = {
            diagram.x_name: diagram.x,
            diagram.y_name: diagram.y,
            **diagram.fixed,
            **{f"error_{rule}": error for rule, error in diagram.error.items()},
            "rules": diagram.rules,
            **{n: getattr(diagram, n) for n in ("best", "band_low", "band_high", "converged")},
            "axes": (diagram.y_name, diagram.x_name),
        }
        contents = _npz(data), *(pictures[kind] for kind in self.formats)
        for file, content in zip(self.files, contents, strict=True):
            write_new_file("--out", file, content)
        self.partial_file.unlink(missing_ok=True)
        return [str(file) for file in self.files]


def _npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
