"""One call for every law: hold it against a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from prunelaw.checks import check_choice
from prunelaw.errors import InputError
from prunelaw_sim.laws.pruning import PruningFit, fit_pruning
from prunelaw_sim.laws.scaling import ScalingFit, fit_data_constrained, fit_power_law
from prunelaw_sim.laws.utility import UtilityFit, fit_utility
from prunelaw_sim.tables.sweep import Sweep


@dataclass(frozen=True)
class Law:
    """How a law is fitted: by which function, with what given, and with what left to choose."""

    kind: str
    """"utility", "data-constrained", "power-law" or "pruning": which function fits it"""
    given: Mapping[str, Any]
    options: tuple[str, ...]
    columns: tuple[str, ...]
    """columns that it needs besides `error`"""


_COMMON = ("hold_out_above", "group", "together", "log_error")
_UTILITY = (*_COMMON, "convention", "bounds", "ceiling")
_SCALING = (*_COMMON, "hold_out_by")
_POOLS = ("pool", "unique_samples", "samples_seen")
_SIZES = ("samples_seen", "unique_samples", "parameters")
_HOFFMANN = {"repeats": False, "saturates": False, "penalty": "saturating"}
_SHAPE = ("tied", "repeats", "saturates")

LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "utility": Law("utility", {"law": "utility"}, (*_UTILITY, "stretch"), _POOLS),
        "no-decay": Law("utility", {"law": "no-decay"}, _UTILITY, _POOLS),
        "effective-data": Law("utility", {"law": "effective-data"}, (*_UTILITY, "stretch"), _POOLS),
        "data-constrained": Law("data-constrained", {}, (*_SCALING, *_SHAPE), _SIZES),
        "overfit": Law("data-constrained", _HOFFMANN, (*_SCALING, *_SHAPE, "penalty"), _SIZES),
        "power-law": Law("power-law", {"floor": False}, _SCALING, ("compute",)),
        "power-law-floor": Law("power-law", {"floor": True}, _SCALING, ("compute",)),
        "pruning": Law(
            "pruning", {}, ("hold_out_above", "theta"), ("dataset_size", "keep_fraction", "rule")
        ),
    }
)
"""Every law by name.  The power laws take `parameters` and `samples_seen` in place of compute."""


def fit(law: str, sweep: Sweep, **options: Any) -> UtilityFit | ScalingFit | PruningFit:
    """Fit one of `LAWS` to the runs of one group of a sweep.

    law: "utility", "no-decay", "effective-data" (`fit_utility`); "data-constrained" (Muennighoff et
        al. 2023), "overfit" (Hoffmann et al. 2022 plus a penalty of repeats; both
        `fit_data_constrained`); "power-law", "power-law-floor" in compute (`fit_power_law`);
        "pruning" (`fit_pruning`).
    options: those of the function that fits the law, by name: `hold_out_above` (rows with more
        samples_seen, or for pruning dataset_size, are predicted), `convention`, ...

    Raises `InputError` for an unknown law, an option that the law does not take, or too few rows;
    `TableError` for a column that the law needs and the sweep lacks.

        fit("utility", read("runs.csv").select(group="ViT-B-32"), hold_out_above=2e10)
    """
    chosen = LAWS[check_choice("law", law, tuple(LAWS))]
    for name in options:
        if name not in chosen.options:
            raise InputError(
                f"law {law} takes no option {name!r}; it takes {', '.join(chosen.options)}"
            )
    if chosen.kind == "pruning":
        return fit_pruning(sweep, **options)
    sweep.require(*needed(law, sweep.columns))
    return fit_frame(law, sweep.frame, **options)


def fit_frame(law: str, frame: pd.DataFrame, **options: Any) -> UtilityFit | ScalingFit:
    """The same for a frame with canonical columns, and any law but "pruning"."""
    chosen = LAWS[law]
    options = {**chosen.given, **options}
    if chosen.kind == "utility":
        return fit_utility(frame, **options)
    if chosen.kind == "power-law":
        return fit_power_law(frame, **options)
    return fit_data_constrained(frame, **options)


def needed(law: str, present: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that a law needs of a table that has those of `present`."""
    columns = LAWS[law].columns
    if columns == ("compute",) and "compute" not in present and "parameters" in present:
        columns = ("parameters", "samples_seen")
    return (*columns, "error")
