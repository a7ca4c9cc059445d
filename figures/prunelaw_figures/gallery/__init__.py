"""The gallery: every figure of both theories by name, with captions that state every parameter.

`build.build` draws them from kept results and says what it had to compute anew.
"""

from collections.abc import Mapping
from types import MappingProxyType

from prunelaw_figures.gallery import decay, pruning, real
from prunelaw_figures.gallery.entry import Entry

GALLERY: Mapping[str, Entry] = MappingProxyType(
    {entry.name: entry for entry in (*pruning.ENTRIES, *decay.ENTRIES, *real.ENTRIES)}
)
