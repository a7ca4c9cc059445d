"""Builds figures of the gallery one after the other; one that fails does not lose the others."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from prunelaw.errors import PrunelawError
from prunelaw_figures.gallery import cache
from prunelaw_figures.gallery.folder import OwnedFolder
from prunelaw_figures.plots.entry import Entry, Progress, Results, Work
from prunelaw_figures.plots.style import DPI, encoded, style_sheet

# A label to a context that gives a function (done, total): how the caller shows progress.
ProgressFactory = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Outcome:
    """One figure: what became of it, why, and its files.

    status  "cached": drawn from kept results; "drawn": needs none; "recomputed"; "skipped": its
            data were not given; "failed"
    """

    name: str
    status: str
    reason: str
    seconds: float
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """What to build, and where.

    formats    of "png", "svg", "pdf"
    sources    option → file or folder of data given
    recompute  ignore kept results
    dpi        of png, and of the pixels of maps in svg and pdf
    """

    entries: Sequence[Entry]
    out: Path
    cache: Path
    formats: Sequence[str] = ("png", "svg")
    sources: Mapping[str, Path] = field(default_factory=dict)
    recompute: bool = False
    dpi: int = DPI

    def files(self, entry: Entry) -> list[str]:
        """Names of the files of one figure."""
        return [f"{entry.name}.{ending}" for ending in (*self.formats, "txt")]


def build(order: Order, show: ProgressFactory) -> Iterator[Outcome]:
    """Yields an outcome a figure, as each is done; everything that is written is whole.

    Files NAME.FORMAT, and NAME.txt with the caption.  Raises `InputError` before the first figure
    if a file there is not this command's own (`folder.OwnedFolder`).
    """
    folder = OwnedFolder(order.out)
    folder.check(
        name for entry in order.entries if _has_data(entry, order) for name in order.files(entry)
    )
    for entry in order.entries:
        start = time.monotonic()
        try:
            status, reason, files = _build_one(entry, order, folder, show)
        except Exception as error:  # the others are still to be built
            status, reason, files = "failed", _why(error), ()
        yield Outcome(entry.name, status, reason, time.monotonic() - start, tuple(files))


def _has_data(entry: Entry, order: Order) -> bool:
    return not entry.given or entry.given in order.sources


def _build_one(
    entry: Entry, order: Order, folder: OwnedFolder, show: ProgressFactory
) -> tuple[str, str, list[str]]:
    if not _has_data(entry, order):
        return "skipped", f"--{entry.given} was not given", []
    results, status, reason = _results(entry, order, show)
    with style_sheet():
        figure = entry.draw(entry.parameters, results)
        contents = [encoded(figure, ending, order.dpi) for ending in order.formats]
    names = order.files(entry)
    for name, content in zip(names, [*contents, f"{entry.text()}\n".encode()], strict=True):
        folder.write(name, content)
    return status, reason, [str(order.out / name) for name in names]


def _results(entry: Entry, order: Order, show: ProgressFactory) -> tuple[Results, str, str]:
    """(results, status, reason): kept ones if they are of these parameters, else new ones."""
    source = order.sources.get(entry.given)
    wanted = cache.stamp(entry, source)
    kept, reason = order.cache / f"{entry.name}.npz", "asked for"
    if not order.recompute:
        found, reason = cache.load(kept, wanted)
        if found is not None:
            return found, "cached", f"from {kept}"
        packaged, other = cache.load(cache.PACKAGED / kept.name, wanted)
        if packaged is not None:
            return packaged, "cached", "results come with the package"
        if not kept.exists():
            reason = other
    with show(entry.name) as progress:
        results = entry.compute(entry.parameters, Work(source, progress))
    if not results:
        return results, "drawn", "needs no kept results"
    order.cache.mkdir(parents=True, exist_ok=True)
    cache.save(kept, wanted, results)
    return results, "recomputed", reason


def _why(error: Exception) -> str:
    """What prunelaw says on purpose as it is; anything else with its kind."""
    if isinstance(error, PrunelawError):
        return str(error)
    return f"{type(error).__name__}: {error}"
