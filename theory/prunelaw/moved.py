"""Modules that moved: their former paths work for one more release, with a `DeprecationWarning`."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_FOLDERS = {
    "prunelaw.decay": "utility filtering schedule scored mixtures repetition",
    "prunelaw.pruning": "frontier optimal phase band",
    "prunelaw.perceptron": "sensitivity differentiable stability asymptotics",
    "prunelaw.students": "ridge",
    "prunelaw.numerics": "gaussian",
    "prunelaw_sim.pools": "switches decisions",
    "prunelaw_sim.fits": "intervals",
    "prunelaw_sim.networks": "recipes models datasets",
    "prunelaw_sim.laws": "pruning_intervals",
    "prunelaw_sim.tables": "paired_errors",
    "prunelaw_figures.plots": "phase_map decision_map",
}
MOVED = {
    f"{folder.split('.')[0]}.{name}": f"{folder}.{name}"
    for folder, names in _FOLDERS.items()
    for name in names.split()
} | {
    "prunelaw.information": "prunelaw.students.gibbs",
    "prunelaw_sim.pool_tables": "prunelaw_sim.pools.tables",
    "prunelaw_sim.measured": "prunelaw_sim.sweeps.tables",
    "prunelaw_sim.ensemble": "prunelaw_sim.fits.bootstrap",
    "prunelaw_sim.fit_utility": "prunelaw_sim.laws.utility",
    "prunelaw_sim.theory_check": "prunelaw_sim.verification.store_check",
    "prunelaw_sim.score_files": "prunelaw_sim.scores.files",
    "prunelaw_sim.reading": "prunelaw_sim.tables.assemble",
    "prunelaw_sim.keep_examples": "prunelaw_sim.common.kept_examples",
}


class _Moved(MetaPathFinder, Loader):
    """Finds a former path, and gives the module of the new one."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = MOVED[spec.name]
        warnings.warn(
            f"{spec.name} is now {new}; the old path goes in the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        module = import_module(new)
        self.own = module.__spec__  # the import system is about to overwrite it
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.own


def install() -> None:
    """Make the former paths importable, once."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
