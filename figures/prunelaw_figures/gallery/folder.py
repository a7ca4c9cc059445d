"""The folder that holds the gallery's files: what it wrote it may rewrite, nothing else.

A marker file lists the digests of what was written; a file that is not in it, or was edited since,
belongs to somebody else.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from prunelaw.errors import InputError
from prunelaw_sim.common.new_file import replace_file

MARKER = ".prunelaw-figures.json"


class OwnedFolder:
    """A folder of written files; made if it does not exist.  Raises `InputError`."""

    def __init__(self, path: Path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise InputError(f"--out must be a folder, or a place for one; {cause}") from cause
        self.path = path
        self._written: dict[str, list[str]] = self._read()

    def _read(self) -> dict[str, list[str]]:
        file = self.path / MARKER
        if not file.exists():
            return {}
        try:
            written = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as cause:
            raise InputError(f"{file} is damaged ({cause}); choose another --out") from cause
        if not isinstance(written, dict):
            raise InputError(f"{file} is damaged (no table of files); choose another --out")
        return written

    def check(self, names: Iterable[str]) -> None:
        """Refuses names of files that exist and were not written here, before any work is done."""
        for name in names:
            file = self.path / name
            if file.exists() and _digest(file.read_bytes()) not in self._written.get(name, []):
                raise InputError(
                    f"--out: {file} exists and was not made by this command, or was edited since; "
                    "move it, or choose another folder"
                )

    def write(self, name: str, content: bytes) -> None:
        """Writes or rewrites one file.

        The marker comes first and names the old and the new content, so that a kill between the
        two steps leaves either of them known.
        """
        self.check([name])
        new = _digest(content)
        before = [old for old in self._written.get(name, [])[-1:] if old != new]
        self._written[name] = [*before, new]
        marker = json.dumps(self._written, indent=1, sort_keys=True)
        replace_file(self.path / MARKER, marker.encode())
        replace_file(self.path / name, content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
