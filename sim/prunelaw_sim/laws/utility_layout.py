"""Which parameters a law of utility decay has for a table's pools and groups, and their box."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_real
from prunelaw.decay.utility import DIVISOR
from prunelaw.errors import InputError, TableError
from prunelaw_sim.fits.least_squares import to_internal
from prunelaw_sim.fits.rows import Table

_LOG_A = 60.0  # bound on |log(a n / 1e5)| at the middle of the data
_LOG_B = (math.log(1e-6), math.log(20.0))
_LOG_TAU = (math.log(1e-2), math.log(1e4))  # times the passes made; beyond, τ = ∞ to all digits
_STRETCH = (-1.0, 3.0)
KINDS = {"a": "log", "d": "linear", "b": "neglog", "tau": "log", "stretch": "linear"}
ONE_GROUP = ""  # the name of the only group of a table without the column


@dataclass(frozen=True)
class Form:
    """Which law.

    Attributes:
        convention: one of `prunelaw.decay.utility.CONVENTIONS`.
        decays: whether repeats lose worth.
        stretch: s of τ ∝ (subset's size)^s; None: fitted.
        ceiling: of the error; None: none.
        bounds: of the parameters' values, by name ("tau[top 10%]") or by kind ("tau").
    """

    convention: str
    decays: bool = True
    stretch: float | None = 1.0
    ceiling: float | None = None
    bounds: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """What utility decay reads of a table.

    Attributes:
        sizes: name of a pool → the smallest `unique_samples` of its fitted rows, where τ is quoted.
        groups: names; one, maybe empty, for a single law.
    """

    samples_seen: Float[np.ndarray, " rows"]
    unique_samples: Float[np.ndarray, " rows"]
    pool: Int[np.ndarray, " rows"]
    group: Int[np.ndarray, " rows"]
    labels: np.ndarray
    sizes: Mapping[str, float]
    groups: tuple[str, ...]

    @classmethod
    def read(cls, table: Table, like: Rows | None = None) -> Rows:
        """Check and take the columns; pools and groups are those of `like`, or the table's own."""
        table.require("pool", "unique_samples", "samples_seen")
        seen, unique = table.numbers("samples_seen"), table.numbers("unique_samples")
        pools, groups = table.texts("pool"), _groups(table, like)
        sizes = dict(like.sizes) if like else dict.fromkeys(pools, math.inf)
        if not like:
            for name, size in zip(pools, unique.tolist(), strict=True):
                sizes[name] = min(sizes[name], size)
        among = like.groups if like else tuple(dict.fromkeys(groups))
        pool = _places(table, "pool", pools, tuple(sizes))
        group = _places(table, "group", groups, among)
        return cls(seen, unique, pool, group, table.labels, sizes, among)


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows, the column of the parameter vector that each looks at for each kind, and the box.

    Attributes:
        columns: a, d, b, tau, stretch → (rows,) columns; tau and stretch where they are fitted.
        most_passes: of the fitted rows, 1 or more.
        passes, log_first, log_size: of each row, n/U, log(n_1/1e5) and log(U/U_min).
    """

    rows: Rows
    form: Form
    parameters: tuple[str, ...]
    columns: Mapping[str, Int[np.ndarray, " rows"]]
    low: Float[np.ndarray, " p"]
    high: Float[np.ndarray, " p"]
    most_passes: float

    @classmethod
    def of(cls, rows: Rows, form: Form, highest: Mapping[str, float]) -> Layout:
        """For the rows to fit; `highest`: the largest d that the search may try, by group."""
        names = _parameters(rows, form)
        most = max(float((rows.samples_seen / rows.unique_samples).max()), 1.0)
        low, high = _box(rows, form, names, highest, most)
        return cls(rows, form, names, _columns(rows, names), low, high, most)

    def on(self, table: Table) -> Layout:
        """The same on other rows; `TableError` for a pool or group that was not fitted."""
        rows = Rows.read(table, self.rows)
        return replace(self, rows=rows, columns=_columns(rows, self.parameters))

    @cached_property
    def passes(self) -> Float[np.ndarray, " rows"]:
        return self.rows.samples_seen / self.rows.unique_samples

    @cached_property
    def log_first(self) -> Float[np.ndarray, " rows"]:
        return np.log(np.minimum(self.rows.samples_seen, self.rows.unique_samples) / DIVISOR)

    @cached_property
    def log_size(self) -> Float[np.ndarray, " rows"]:
        smallest = np.array(list(self.rows.sizes.values()))[self.rows.pool]
        return np.log(self.rows.unique_samples / smallest)


def parameter_name(kind: str, rows: Rows, group: str, pool: str = "") -> str:
    """a, d, b[pool], tau[pool] and stretch; several groups have a, d and b of their own."""
    one = len(rows.groups) == 1
    if kind == "b":
        return f"b[{pool}]" if one else f"b[{group}, {pool}]"
    if kind == "tau":
        return f"tau[{pool}]"
    return kind if one or kind == "stretch" else f"{kind}[{group}]"


def kind_of(name: str) -> str:
    """`tau` of `tau[top 10%]`."""
    return name.partition("[")[0]


def _parameters(rows: Rows, form: Form) -> tuple[str, ...]:
    pools, groups = list(rows.sizes), rows.groups
    pairs = sorted(set(zip(rows.group.tolist(), rows.pool.tolist(), strict=True)))
    names = [parameter_name(kind, rows, group) for kind in "ad" for group in groups]
    names += [parameter_name("b", rows, groups[g], pools[p]) for g, p in pairs]
    if form.decays:
        names += [f"tau[{pool}]" for pool in pools]
        names += ["stretch"] if form.stretch is None else []
    return tuple(names)


def _columns(rows: Rows, names: tuple[str, ...]) -> dict[str, Int[np.ndarray, " rows"]]:
    place = {name: i for i, name in enumerate(names)}
    pools = list(rows.sizes)
    pairs, first, which = np.unique(
        rows.group * len(pools) + rows.pool, return_index=True, return_inverse=True
    )
    found = {}
    for kind in dict.fromkeys(map(kind_of, names)):
        columns = []
        for pair, row in zip(pairs.tolist(), first.tolist(), strict=True):
            group, pool = divmod(pair, len(pools))
            name = parameter_name(kind, rows, rows.groups[group], pools[pool])
            if name not in place:
                raise TableError(
                    f"row {rows.labels[row]}: {name} was not fitted: no run has this pool and group"
                )
            columns.append(place[name])
        found[kind] = np.array(columns, dtype=np.int64)[which]
    return found


def _box(
    rows: Rows, form: Form, names: tuple[str, ...], highest: Mapping[str, float], most: float
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """0 ≤ d ≤ `highest`; the others so wide that only limits touch it; `bounds` narrow it."""
    middle = float(np.mean(np.log(rows.samples_seen / DIVISOR)))
    boxes = {
        "a": (-middle - _LOG_A, -middle + _LOG_A),
        "b": _LOG_B,
        "tau": (_LOG_TAU[0], math.log(most) + _LOG_TAU[1]),
        "stretch": _STRETCH,
    }
    for group in rows.groups:
        boxes[parameter_name("d", rows, group)] = (0.0, max(highest[group], 1e-12))
    ends = {name: boxes[name if kind_of(name) == "d" else kind_of(name)] for name in names}
    known = {*names, *map(kind_of, names)}
    for wanted, given in (form.bounds or {}).items():
        if wanted not in known:
            raise InputError(f"bounds must name one of {', '.join(sorted(known))}; got {wanted!r}")
        values = _checked(wanted, given)
        for name in names:
            if wanted in (name, kind_of(name)):
                inner = sorted(to_internal(value, KINDS[kind_of(name)]) for value in values)
                ends[name] = inner[0], inner[1]
    low, high = np.array(list(ends.values())).T
    return low, high


def _checked(name: str, ends: Any) -> tuple[float, float]:
    """Bounds as a pair of numbers of the right sign."""
    try:
        least, most = (float(check_real(f"bounds[{name!r}]", end)) for end in ends)
    except TypeError as cause:
        raise InputError(f"bounds[{name!r}] must be a pair (low, high), got {ends!r}") from cause
    kind = kind_of(name)
    good = least <= most and (kind == "stretch" or (most <= 0.0 if kind == "b" else least >= 0.0))
    if not good:
        sign = {"b": "negative", "stretch": "real"}.get(kind, "positive")
        raise InputError(
            f"bounds[{name!r}] must be a pair low <= high of {sign} numbers, got {ends!r}"
        )
    return least, most


def _groups(table: Table, like: Rows | None) -> list[str]:
    if "group" in table:
        return table.texts("group")
    if like is None or len(like.groups) == 1:
        return [like.groups[0] if like else ONE_GROUP] * len(table)
    raise TableError(f"column group is missing; it must be one of {list(like.groups)}")


def _places(
    table: Table, column: str, names: list[str], known: tuple[str, ...]
) -> Int[np.ndarray, " rows"]:
    place = {name: i for i, name in enumerate(known)}
    for label, name in zip(table.labels, names, strict=True):
        if name not in place:
            raise TableError(f"row {label}: {column} must be one of {list(known)}, got {name!r}")
    return np.array([place[name] for name in names], dtype=np.int64)
