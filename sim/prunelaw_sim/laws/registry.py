"""One call for every law: hold it against a sweep."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pandas as pd

from prunelaw.checks import check_choice
from prunelaw.errors import InputError
from prunelaw_sim.fits.fit import Fit
from prunelaw_sim.fits.rows import Table
from prunelaw_sim.laws import catalogue
from prunelaw_sim.tables.sweep import Sweep


@dataclass(frozen=True)
class Law:
    """How a law is fitted, what of, and with what left to choose.

    Attributes:
        fit: function of a table and options, whose names `options` takes from it.
        columns: that it needs besides `error`.
        instead: taken where `columns` are missing and the first of these is there.
        fixed: options that are given and cannot be chosen.
        defaults: options that are given unless others are chosen.
        compared: name in `compare_laws` → options; empty: not compared.
        point: columns that tell points apart, whose replicates are averaged; empty: `verify` does
            not hold the law against sweeps.
        budget: column of which `verify` holds out the largest values.
        averages: whether `fit` averages replicates itself.
        rival: name of the simpler law that it must beat.
    """

    fit: Callable[..., Any]
    columns: tuple[str, ...]
    instead: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    compared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    point: tuple[str, ...] = ()
    budget: str = "samples_seen"
    averages: bool = False
    rival: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """What may be chosen."""
        _, *names = inspect.signature(self.fit).parameters
        return tuple(name for name in names if name not in self.fixed)

    def needed(self, present: tuple[str, ...]) -> tuple[str, ...]:
        """The columns that it needs of a table that has those of `present`."""
        missing = not set(self.columns) <= set(present)
        use = self.instead if missing and set(self.instead[:1]) & set(present) else self.columns
        return (*use, "error")


class _Laws(Mapping[str, Law]):
    """The modules of the catalogue, each imported when it is asked for."""

    def __iter__(self) -> Iterator[str]:
        return iter(catalogue.names())

    def __len__(self) -> int:
        return len(catalogue.names())

    def __getitem__(self, name: str) -> Law:
        if name not in catalogue.names():
            raise KeyError(name)
        return import_module(f"{catalogue.__name__}.{name.replace('-', '_')}").LAW


LAWS: Mapping[str, Law] = _Laws()


def fit(law: str, sweep: Sweep, **options: Any) -> Fit:
    """Fit one of `LAWS` to the runs of one group of a sweep.

        fit("utility", read("runs.csv").select(group="ViT-B-32"), hold_out_above=2e10)

    Args:
        law: "utility", "no-decay", "effective-data" (`fit_utility`); "data-constrained"
            (Muennighoff et al. 2023), "overfit" (Hoffmann et al. 2022 plus a penalty of repeats;
            both `fit_data_constrained`); "power-law", "power-law-floor" in compute
            (`fit_power_law`); "pruning" (`fit_pruning`); or one of your own.
        options: those of the function that fits the law, by name: `hold_out_above` (rows with more
            samples_seen, or for pruning dataset_size, are predicted), `convention`, ...

    Raises:
        InputError: for an unknown law, an option that the law does not take, or too few rows.
        TableError: for a column that the law needs and the sweep lacks.
    """
    chosen = LAWS[check_choice("law", law, tuple(LAWS))]
    _refuse_options(law, chosen, options)
    sweep.require(*chosen.needed(sweep.columns))
    return fit_rows(law, sweep.frame, **options)


def fit_rows(law: str, runs: Table | pd.DataFrame, **options: Any) -> Fit:
    """The same for a frame with canonical columns, or for rows that were selected already."""
    chosen = LAWS[law]
    _refuse_options(law, chosen, options)
    return chosen.fit(runs, **{**chosen.defaults, **chosen.fixed, **options})


def _refuse_options(law: str, chosen: Law, options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in chosen.options:
            taken = ", ".join(chosen.options)
            raise InputError(f"law {law} takes no option {name!r}; it takes {taken}")
