"""The laws that can be fitted: one module a law, called like it, with `_` for `-`.

A module holds `LAW`, a `prunelaw_sim.laws.registry.Law`.  A new law is a new file here, or in a
folder put into `__path__`; nothing else needs to know of it (docs/fits.md).
"""

import pkgutil


def names() -> tuple[str, ...]:
    """All laws, in alphabetical order; nothing is imported."""
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__)))
