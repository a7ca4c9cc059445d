"""Files are new, and whole or not there: nobody's file is ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from prunelaw.errors import InputError


def check_new_file(name: str, path: str | os.PathLike[str] | None) -> None:
    """Before any work: whether a new file can be made there.

    Args:
        name: what the caller's interface calls it, as `--output` or `path`.
        path: a name that is not taken, in a folder that exists; None if no file is wanted.

    Raises:
        InputError: for a name that is taken and a folder that is missing.
    """
    if path is None:
        return
    file = Path(path)
    if os.path.lexists(file):
        raise _refused(name, file, "which exists and is not overwritten")
    if not file.absolute().parent.is_dir():
        raise _refused(name, file, "whose folder does not exist")


def write_new_file(name: str, path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a new file at once; arguments as in `check_new_file`, text as UTF-8.

    Raises:
        InputError: where `check_new_file` does, and for what cannot be written.
    """
    file = Path(path)
    check_new_file(name, file)
    try:
        with _beside(file, content) as fresh:
            _move_to_new_name(fresh, file)
    except FileExistsError as cause:  # made by somebody else meanwhile
        raise _refused(name, file, "which exists and is not overwritten") from cause
    except OSError as cause:
        raise InputError(f"{name} {file} cannot be written: {cause.strerror}") from cause


def replace_file(file: Path, content: bytes) -> None:
    """Writes or rewrites the caller's own file at once: at every moment it is whole."""
    with _beside(file, content) as fresh:
        os.replace(fresh, file)


@contextmanager
def _beside(file: Path, content: str | bytes) -> Iterator[Path]:
    """The content under a name that nobody has, in the same folder; gone afterwards."""
    fresh = file.with_name(f".{uuid4().hex}.tmp")
    try:
        with open(fresh, "xb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
            out.flush()
            os.fsync(out.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _move_to_new_name(fresh: Path, file: Path) -> None:
    """A hard link never replaces a file; where there are none, the name is taken first."""
    try:
        os.link(fresh, file)
    except FileExistsError:
        raise
    except OSError:
        file.touch(exist_ok=False)
        os.replace(fresh, file)


def _refused(name: str, file: Path, why: str) -> InputError:
    return InputError(f"{name} must be a new file in a folder that exists, got {file}, {why}")
