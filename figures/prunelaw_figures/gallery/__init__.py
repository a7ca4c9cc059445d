"""The gallery: every figure of both theories by name, with captions that state every parameter.

`build.build` draws them from kept results and says what it had to compute anew.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules

from prunelaw_figures import plots
from prunelaw_figures.plots.entry import DECAY, PRUNING, REAL, Entry

_PARTS = (PRUNING, DECAY, REAL)  # in this order; other headings follow


class Gallery(Mapping[str, Entry]):
    """The `ENTRIES` of all modules of `prunelaw_figures.plots`, found when they are asked for."""

    def __getitem__(self, name: str) -> Entry:
        return self._entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def _entries(self) -> dict[str, Entry]:
        modules = (
            import_module(f"{plots.__name__}.{m.name}") for m in iter_modules(plots.__path__)
        )
        found = [entry for module in modules for entry in getattr(module, "ENTRIES", ())]
        found.sort(key=lambda one: _PARTS.index(one.part) if one.part in _PARTS else len(_PARTS))
        return {entry.name: entry for entry in found}


GALLERY = Gallery()
