"""What is known of a set of pools: weighted laws, of which each is as good as its weight says.

A `PoolEnsemble` holds a, d, stretch of every replicate and b, τ of every pool in it, and gives the
errors of unions for all replicates at once.  It comes from a bootstrap of a fit (`from_fit`), from
standard errors of b and τ (`from_standard_errors`), from laws listed one by one (`from_laws`), or
is a single law without any doubt (`from_pools`).

Pools are ordered best to worst, by b of the law taken as the best estimate (`point`); union p keeps
the best p of them, and is the same union in every replicate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import norm

from prunelaw.checks import check_choice, check_integer, check_number, check_real
from prunelaw.decay.passes import decay_rate
from prunelaw.decay.utility import DIVISOR, Pool, Real, UtilityLaw, log_growth, mixture_error
from prunelaw.errors import InputError
from prunelaw_sim.fits.bootstrap import Ensemble
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.pools.effective_unions import growth_of_unions
from prunelaw_sim.pools.measured import MeasuredPools, measured_pools


@dataclass(frozen=True, eq=False)
class PoolEnsemble:
    """Weighted laws of the same pools. All arrays are checked by the functions that make one.

    Attributes:
        point: the best estimate: what is planned where one law must be taken.
        stretch: s of τ̂_i = τ_i w_i^{−s} in a mixture; 1 as published.
        weight: probability of each replicate; they sum to 1.
        source: where the replicates come from, in words.
        fit: the fit that was bootstrapped, if any.
        group: the group of runs that the laws are of, where the fit has several.
        alternatives: whether the pools share samples, so that one of them is trained on; else any
            union of the best ones may be.
        conventions: of each replicate, where laws of several conventions are mixed.
        measured: the runs behind the laws, which come first where they were made as asked.
    """

    point: tuple[Pool, ...]
    point_stretch: float
    a: Float[np.ndarray, " replicates"]
    b: Float[np.ndarray, "replicates pools"]
    tau: Float[np.ndarray, "replicates pools"]
    d: Float[np.ndarray, " replicates"]
    stretch: Float[np.ndarray, " replicates"]
    weight: Float[np.ndarray, " replicates"]
    source: str
    fit: UtilityFit | None = None
    group: str | None = None
    alternatives: bool = False
    conventions: tuple[str, ...] = ()
    measured: MeasuredPools | None = None

    def __len__(self) -> int:
        return self.a.size

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pools, best to worst."""
        return tuple(pool.name for pool in self.point)

    @property
    def size(self) -> Float[np.ndarray, " pools"]:
        """Unique samples of each pool."""
        return np.array([pool.size for pool in self.point])

    @property
    def convention(self) -> str:
        """Of the law: one of `prunelaw.decay.utility.CONVENTIONS`."""
        return self.point[0].law.convention

    @property
    def choices(self) -> tuple[tuple[int, ...], ...]:
        """What can be trained on: the best 1, 2, ... pools, or one pool of alternatives."""
        count = len(self.point)
        if self.alternatives:
            return tuple((i,) for i in range(count))
        return tuple(tuple(range(p)) for p in range(1, count + 1))

    @property
    def unscored(self) -> int:
        """The choice that needs no scores: all pools, or the largest of alternatives."""
        return int(self.size.argmax()) if self.alternatives else len(self.point) - 1

    @property
    def certain(self) -> bool:
        """Whether there is one law only: then there are no intervals to speak of."""
        return len(self) == 1

    @property
    def alone(self) -> PoolEnsemble:
        """The best estimate, taken as exact."""
        one = from_pools(self.point, stretch=self.point_stretch)
        return replace(one, alternatives=self.alternatives)

    def with_alternatives(self, alternatives: bool) -> PoolEnsemble:
        """The same laws of pools that share samples, or do not."""
        return replace(self, alternatives=alternatives)

    def pools(self, replicate: int) -> tuple[Pool, ...]:
        """The pools of one replicate."""
        a, d = float(self.a[replicate]), float(self.d[replicate])
        numbers = zip(self.b[replicate].tolist(), self.tau[replicate].tolist(), strict=True)
        convention = self.conventions[replicate] if self.conventions else self.convention
        return tuple(
            Pool(pool.name, pool.size, UtilityLaw(a, b, tau, d, convention))
            for pool, (b, tau) in zip(self.point, numbers, strict=True)
        )

    def error(self, which: Sequence[int], samples_seen: Any) -> Float[np.ndarray, "replicates n"]:
        """Error of the union of the pools `which` in every replicate.

        The formulas are those of `prunelaw.decay.utility.mixture_error`.

        Args:
            samples_seen: at least 1, of shape (n,), or (replicates, n) for budgets of their own.
        """
        seen, which = np.atleast_2d(check_real("samples_seen", samples_seen, 1.0)), list(which)
        if len(set(self.conventions)) > 1:
            return self._by_convention(which, seen)
        total = self.size[which].sum()
        share = self.size[which] / total
        b, tau = self.b[:, which], self.tau[:, which] / share ** self.stretch[:, None]
        first = (b @ share)[:, None] * np.log(self.a[:, None] / DIVISOR * np.minimum(seen, total))
        if self.convention == "effective_data":
            passes = np.broadcast_to(seen / total, first.shape)
            grown = growth_of_unions(passes, share, b, decay_rate(tau))
            if grown is None:
                return self._one_by_one(which, seen)
        else:
            growth = log_growth((seen / total)[:, None, :], tau[:, :, None], self.convention)
            grown = np.einsum("rp,rpn->rn", b * share, growth)
        inside = self.d[:, None] if self.convention == "official_code" else 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            error = (np.exp(first) + inside) * np.exp(grown) + (self.d[:, None] - inside)
        if not np.isfinite(error).all():
            raise InputError(
                "some replicates give an error beyond the range of floats (1e308) at these "
                "samples seen: narrow their bounds"
            )
        return error

    def _by_convention(
        self, which: list[int], seen: Float[np.ndarray, "rows n"]
    ) -> Float[np.ndarray, "replicates n"]:
        """The replicates of each convention by themselves."""
        rows = np.broadcast_to(seen, (len(self), seen.shape[1]))
        found, of = np.empty(rows.shape), np.array(self.conventions)
        for convention in set(self.conventions):
            mine = of == convention
            point = tuple(replace(p, law=replace(p.law, convention=convention)) for p in self.point)
            part = replace(
                self, point=point, conventions=(),
                **{n: getattr(self, n)[mine] for n in ("a", "b", "tau", "d", "stretch", "weight")},
            )  # fmt: skip
            found[mine] = part.error(which, rows[mine])
        return found

    def mean(self, numbers: Float[np.ndarray, "replicates ..."]) -> Float[np.ndarray, "..."]:
        """The weighted mean of numbers computed from each replicate."""
        return np.tensordot(self.weight, numbers, axes=1)

    def probability(self, flags: Bool[np.ndarray, "replicates ..."]) -> Float[np.ndarray, "..."]:
        """The weight of the replicates in which something holds; exactly 1 if in all of them."""
        held = flags.astype(np.float64)
        return np.asarray(self.mean(held) / self.mean(np.ones_like(held)))

    def quantile(self, numbers: Any, probability: float) -> Float[np.ndarray, "..."]:
        """The least of numbers (replicates, ...) that holds this probability at or below it.

        inf is a number like others, and nothing is interpolated.
        """
        values = np.asarray(numbers, dtype=np.float64)
        order = np.argsort(values, axis=0, kind="stable")
        reached = np.cumsum(self.weight[order], axis=0) >= probability - 1e-12
        place = np.argmax(reached, axis=0)[None]
        return np.take_along_axis(np.take_along_axis(values, order, 0), place, 0)[0]

    def interval(self, numbers: Any, level: float) -> tuple[Any, Any]:
        """The central interval of numbers computed from each replicate."""
        tail = 0.5 - 0.5 * level
        return self.quantile(numbers, tail), self.quantile(numbers, 1.0 - tail)

    def _one_by_one(
        self, which: list[int], seen: Float[np.ndarray, "rows n"]
    ) -> Float[np.ndarray, "replicates n"]:
        """The effective-data law of so many passes that no table holds them."""
        rows = np.broadcast_to(seen, (len(self), seen.shape[1]))
        made = (
            mixture_error([self.pools(r)[i] for i in which], rows[r], stretch=self.stretch[r])
            for r in range(len(self))
        )
        return np.stack(list(made))


def from_pools(pools: Sequence[Pool], *, stretch: Real = 1.0) -> PoolEnsemble:
    """One law, taken as exact."""
    return from_laws([pools], stretch=stretch)


def from_laws(
    laws: Sequence[Sequence[Pool]],
    weights: Any = None,
    *,
    stretch: Real = 1.0,
    source: str = "laws as given",
) -> PoolEnsemble:
    """Laws listed one by one, with weights > 0 (default: equal); `point` is the first.

    Raises:
        InputError: where they are not of the same pools (names, sizes, convention), in any order.
    """
    if not laws or not laws[0]:
        raise InputError("laws must hold at least one law of at least one Pool, got none")
    point = tuple(sorted(laws[0], key=lambda pool: pool.law.b))  # equal ones in the order given
    tables = [_like(point, pools) for pools in laws]
    s, count = check_number("stretch", stretch, 0.0), len(tables)
    given = check_real(
        "weights", np.ones(count) if weights is None else weights, 0.0, low_open=True
    )
    if given.shape != (count,):
        raise InputError(f"weights must be {count} numbers, one a law, got {weights!r}")
    return PoolEnsemble(
        point,
        s,
        np.array([pools[0].law.a for pools in tables]),
        np.array([[pool.law.b for pool in pools] for pools in tables]),
        np.array([[pool.law.tau for pool in pools] for pools in tables]),
        np.array([pools[0].law.d for pools in tables]),
        np.full(count, s),
        given / given.sum(),
        source,
    )


def from_standard_errors(
    pools: Sequence[Pool],
    b_se: Mapping[str, float],
    tau_se: Mapping[str, float],
    *,
    replicates: int = 400,
    seed: int = 0,
    stretch: Real = 1.0,
) -> PoolEnsemble:
    """Independent draws: b normal, held below 0; log τ normal with standard deviation se/τ.

    Args:
        b_se, tau_se: standard errors ≥ 0 by name of the pool; others are exact, as are a and d.
    """
    ensemble = from_pools(pools, stretch=stretch)
    count = check_integer("replicates", replicates, 2)
    random = np.random.default_rng(check_integer("seed", seed, 0))
    for name, given in (("b_se", b_se), ("tau_se", tau_se)):
        for pool in given:
            check_choice(name, pool, ensemble.names)
            check_real(f"{name}[{pool!r}]", given[pool], 0.0)
    b, tau = (np.repeat(column, count, axis=0) for column in (ensemble.b, ensemble.tau))
    for i, pool in enumerate(ensemble.point):
        chance, normal = random.random(count), random.standard_normal(count)
        se, wide = b_se.get(pool.name, 0.0), tau_se.get(pool.name, 0.0) / pool.law.tau
        if se:  # from uniform draws, of the part below 0: samples that do harm have no law
            b[:, i] += se * norm.ppf(chance * norm.cdf(-pool.law.b / se))
        if wide:
            tau[:, i] *= np.exp(wide * normal)
    return replace(
        ensemble,
        a=np.repeat(ensemble.a, count),
        b=b,
        tau=tau,
        d=np.repeat(ensemble.d, count),
        stretch=np.repeat(ensemble.stretch, count),
        weight=np.full(count, 1.0 / count),
        source=f"{count} draws from the standard errors of b and tau, independent of each other",
    )


def from_fit(
    ensemble: Ensemble, *, group: str | None = None, sizes: Mapping[str, Any] | None = None
) -> PoolEnsemble:
    """The replicates of a bootstrapped `fit_utility`, as pools.

    Args:
        sizes: unique samples of a pool by name; by default the most that its fitted rows had.  τ
            goes along: τ(U) = τ (U/U_min)^s.

    Raises:
        InputError: for another law, a fit with a ceiling (pools have none), and an unknown group
            or pool.
    """
    fit = ensemble.fit
    if not isinstance(fit, UtilityFit):
        raise InputError(f"a plan needs a fit of utility decay (fit_utility), got law {fit.law!r}")
    if fit.ceiling is not None:
        raise InputError("a fit with a ceiling cannot be read as pools, which have none")
    pools, wanted, largest = fit.to_pools(group), sizes or {}, fit.largest_sizes()
    for name in wanted:
        check_choice("sizes", name, [pool.name for pool in pools])
    size = [
        check_number(f"sizes[{n!r}]", wanted.get(n, largest[n]), 0.0, low_open=True)
        for n in (pool.name for pool in pools)
    ]
    values = dict(zip(fit.parameters, ensemble.values.T, strict=True))
    count, several = len(ensemble), len(fit.groups) > 1
    inner = f"{group}, " if several and group is not None else ""
    own = f"[{group or fit.groups[0]}]" if several else ""
    stretch = values.get("stretch", np.full(count, fit.stretch))
    grown = np.array(size) / [pool.size for pool in pools]
    endless = np.full(count, np.inf)
    tau = np.stack([values.get(f"tau[{pool.name}]", endless) for pool in pools], axis=1)
    point = tuple(
        Pool(p.name, n, replace(p.law, tau=p.law.tau * g**fit.stretch))
        for p, n, g in zip(pools, size, grown.tolist(), strict=True)
    )
    return PoolEnsemble(
        point,
        fit.stretch,
        values[f"a{own}"],
        np.stack([values[f"b[{inner}{pool.name}]"] for pool in pools], axis=1),
        tau * grown ** stretch[:, None],
        values[f"d{own}"],
        stretch,
        np.full(count, 1.0 / count),
        f"{count} bootstrap refits ({ensemble.kind}) of {fit.points} rows",
        fit,
        group,
        measured=measured_pools(fit, group),
    )


def mixed(parts: Sequence[PoolEnsemble], source: str) -> PoolEnsemble:
    """Laws that the data do not tell apart, with equal weights; `point` is that of the first.

    Args:
        parts: ensembles of the same pools, each of one convention.
    """
    first, columns = parts[0], []
    for part in parts:
        columns.append([part.names.index(name) for name in first.names])
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("a", "d", "stretch")
    }
    for name in ("b", "tau"):
        own = [getattr(part, name)[:, at] for part, at in zip(parts, columns, strict=True)]
        joined[name] = np.concatenate(own)
    weight = np.concatenate([part.weight / len(parts) for part in parts])
    conventions = tuple(part.convention for part in parts for _ in range(len(part)))
    return replace(first, **joined, weight=weight, conventions=conventions, source=source)


def _like(point: tuple[Pool, ...], pools: Sequence[Pool]) -> tuple[Pool, ...]:
    """One law's pools in the order of `point`; `InputError` where they are other pools."""
    named = {pool.name: pool for pool in pools}
    if len(named) != len(point) or any(pool.name not in named for pool in point):
        raise InputError(
            f"laws must be of the pools {', '.join(p.name for p in point)}; got "
            f"{', '.join(pool.name for pool in pools)}"
        )
    mixture_error(pools, 1.0)  # refuses pools that do not share a, d, convention
    for pool in point:
        got = named[pool.name]
        if (got.size, got.law.convention) != (pool.size, pool.law.convention):
            raise InputError(
                f"laws must agree in size and convention of a pool: {pool.name!r} has "
                f"{pool.size:g}, {pool.law.convention} and {got.size:g}, {got.law.convention}"
            )
    return tuple(named[pool.name] for pool in point)
