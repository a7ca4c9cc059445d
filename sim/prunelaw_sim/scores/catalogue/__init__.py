"""The scores that can be computed: one module a score, called like it, with `_` for `-`.

A module holds `SCORE`, a subclass of `prunelaw_sim.scores.base.Score`.  A new score is a new file
here, or in a folder put into `__path__`; nothing else needs to know of it (docs/scores.md).
"""

import pkgutil


def names() -> tuple[str, ...]:
    """All scores, in alphabetical order; nothing is imported."""
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)))
