"""The keep rule of least error for a data set, with a certificate of the first order.

As for the perceptron (`prunelaw.pruning.optimal`): among rules w ∈ [0, 1] of |z| or of the margin
y z that keep the fraction f, for all examples alike or for each label, an optimum keeps what has
the least influence I = dε/d(kept mass).  ε is not convex in w: every optimum is a local one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from prunelaw.checks import check_number
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features.error import cluster_errors
from prunelaw.features.field_law import FieldLaw, Ranks
from prunelaw.features.losses import Loss, as_loss
from prunelaw.features.matrix import respond
from prunelaw.features.model import FeatureModel
from prunelaw.features.newton import COARSE, FINE, Point, Task, hats_of, newton, solved
from prunelaw.features.probes import as_probe, setting_for
from prunelaw.features.rules import ByLabel, part_of
from prunelaw.features.sensitivity import Adjoint, facing, influence_and_mass, slopes
from prunelaw.features.solver import Solved, solve
from prunelaw.keep import KeepRule, Piecewise
from prunelaw.keep.general import Of
from prunelaw.numerics.gaussian import Array
from prunelaw.pruning.rule_search import OPTIMAL, SAME_ERROR, Found, Met, RuleSearch

Intervals = tuple[tuple[float, float], ...]
ENOUGH, EXACT = 1e-9, 1e-12  # scaled residuals, to search by and to report
RANGE = (1e-6, 1e3)  # of the penalty, in units of n f times the mean variance of a feature
SCAN = 28  # penalties of the first look
FRACTIONS = 25  # fractions of the first look
TURNS = 6  # at most, of rule and penalty
SAME_PENALTY = 1e-3  # a change of log λ that ends them


@dataclass(frozen=True)
class BestRule:
    """The best keep rule found, and what speaks for it.

    Attributes:
        rule: for `solve`: a `Piecewise`, or a `ByLabel` of two.
        intervals: what is kept of labels +1 and −1: (low, high) of |z| or y z, the probe's field.
        error: ε under this rule.
        errors: ε of hard, easy, random and signed keeping at the same fraction and penalty.
        gain: 1 − error/(the least of these).
        penalty: λ; the optimal one for this rule if none was given.
        penalty_slope: dε/d log λ at the rule, relative to ε.
        violation: how far the condition is violated, relative to the spread of the influence.
        starts: for every start of the search, the error that it reached.
        certified: violation < 1e-6, and no plain rule and no other start has a smaller error.
    """

    n: float
    keep: float
    of: Of
    per_class: bool
    rule: KeepRule
    intervals: dict[int, Intervals]
    error: float
    errors: dict[str, float]
    gain: float
    penalty: float
    penalty_slope: float
    violation: float
    starts: dict[str, float]
    certified: bool


def optimal_rule(
    model: FeatureModel,
    n: Any,
    keep: Any,
    probe: Any,
    *,
    of: Of = "abs",
    per_class: bool = False,
    loss: Loss | str = "logistic",
    penalty: Any = None,
    intercept: bool = False,
    offset: float = 0.0,
    throw: bool = True,
) -> BestRule:
    """The keep rule of least error at one point.

    Args:
        model, n, probe, loss, intercept, offset: as in `solve`, one point.
        keep: fraction kept, below 1.
        of: "abs": intervals of |z|; "margin": of y z, with labels.
        per_class: True: other intervals for each label; how much each keeps is free, too.
        penalty: λ; None: the best λ beside the rule (1 for "hard-margin").
        throw: False: return the best found even if its certificate fails (`certified`).

    Raises:
        InputError: for arguments out of range.
        ConvergenceError: if no start reaches a rule that satisfies the condition.
    """
    if of not in ("abs", "margin"):
        raise InputError(f'of must be "abs" or "margin", got {of!r}')
    loss = as_loss(loss)
    size = check_number("n", n, 0.0, low_open=True)
    f = check_number("keep", keep, 0.0, 1.0, low_open=True, high_open=True)
    common = {"loss": loss, "intercept": intercept, "offset": offset}
    free = penalty is None and not loss.constraint
    if free:
        penalty = best_penalty(model, size, f, "mix:1,hard", probe, **common)
    value = 1.0 if penalty is None else check_number("penalty", penalty, 0.0, low_open=True)
    search = _Search(model, size, f, probe, of, per_class, value, common)
    met, best = search.all(search.starts())
    for _ in range(TURNS if free and best.found is not None else 0):
        better = best_penalty(model, size, None, search.rule(best.ranks), probe, **common)
        if abs(np.log(better / value)) < SAME_PENALTY:
            break
        value = better
        search = _Search(model, size, f, probe, of, per_class, value, common)
        met, best = search.all({"the last": best.ranks, "hard": search.starts()["hard"]})
    names = ["hard", "easy", "mix:1,hard", "signed-hard", "signed-easy"]
    plain = solve(model, size, f, names, probe, penalty=value, throw=False, **common).error
    shown = ["hard", "easy", "random", "signed-hard", "signed-easy"]
    errors = dict(zip(shown, plain.tolist(), strict=True))
    least = float(np.nanmin(plain)) if np.isfinite(plain).any() else np.inf
    rival = np.nanmin(plain if of == "margin" or per_class else plain[:3], initial=np.inf)
    certified = best.violation < OPTIMAL and best.error <= rival * (1.0 + SAME_ERROR)
    if throw and not certified:
        raise ConvergenceError(
            f"no rule that satisfies the first-order condition was found at n={size:g}, "
            f"keep={f:g}: the best has error {best.error:.6g} and violation {best.violation:.1e}; "
            "throw=False returns it"
        )
    rule = search.rule(best.ranks)
    slope = np.nan
    if best.found is not None:
        slope = float(value * search.adjoint(best.ranks, best.found)[1].by_penalty[0] / best.error)
    return BestRule(
        size, f, of, per_class, rule, search.intervals(best.ranks), best.error, errors,
        1.0 - best.error / least, value, slope, best.violation,
        {point.name: point.error for point in met}, certified,
    )  # fmt: skip


@dataclass(frozen=True)
class BestKeep:
    """The fraction of least error of one rule.

    Attributes:
        fixed: "n" or "kept": which was held.
        keep, n, kept, error: where ε is least in the range, and ε there.
        slope: d log ε/d log f there: about 0 inside, one-sided at an end.
        at_end: "" inside; "low" or "high": the least error lies at that end of the range.
        minima: all local minima found, (keep, error), the best first.
        converged: False if a point of the scan failed: the minimum may have been missed.
    """

    fixed: str
    keep: float
    n: float
    kept: float
    error: float
    slope: float
    at_end: str
    minima: tuple[tuple[float, float], ...]
    converged: bool


def best_keep(
    model: FeatureModel,
    rule: Any,
    probe: Any = None,
    *,
    n: float | None = None,
    kept: float | None = None,
    keep_range: tuple[float, float] = (0.02, 1.0),
    **options: Any,
) -> BestKeep:
    """The fraction of least error of a rule, at n examples (what to keep) or at n f (what to buy).

    Roots of d log ε/d log f, bracketed by a scan of 25 fractions; minima closer than a step of the
    scan may be missed.  At a given number of kept examples n = kept/f, so that a small fraction
    means many labels.

    Args:
        model, rule, probe: as in `solve`; the rule works at any fraction.
        n, kept: exactly one of them, above 0.
        keep_range: where to look, within (0, 1].
        options: further arguments of `solve`: loss, penalty, intercept, per_class, offset.

    Raises:
        InputError: for both or neither of n and kept, and a range outside (0, 1].
        ConvergenceError: where no point of the scan could be solved.
    """
    if (n is None) == (kept is None):
        raise InputError("exactly one of n and kept must be given")
    fixed = "kept" if n is None else "n"
    size = check_number(fixed, kept if n is None else n, 0.0, low_open=True)
    low, high = (check_number("keep_range", end, 0.0, 1.0, low_open=True) for end in keep_range)
    if not low < high:
        raise InputError(f"keep_range must be LOW < HIGH, got {keep_range}")

    def at(f: Array, throw: bool = True):
        total = size if n is not None else size / f
        return solve(model, total, f, rule, probe, throw=throw, **options)

    def slope(log: float) -> float:
        point = at(np.minimum(np.exp(log), 1.0))
        found = slopes(point)
        change = float(point.keep * found.d_f)
        if n is None:
            change -= float(point.n * found.d_n)
        return change / float(point.error)

    logs = np.linspace(np.log(low), np.log(high), FRACTIONS)
    scan = at(np.minimum(np.exp(logs), 1.0), throw=False)
    error, good = scan.error, scan.converged
    if not good.any():
        raise ConvergenceError(f"no fraction between {low:g} and {high:g} could be solved")
    value = np.where(good, error, np.inf)
    minima: list[tuple[float, float, float, str]] = []
    for i in range(FRACTIONS):
        left = value[i - 1] if i else np.inf
        right = value[i + 1] if i + 1 < FRACTIONS else np.inf
        if not good[i] or value[i] > min(left, right):
            continue
        place, end = logs[i], "low" if i == 0 else "high" if i == FRACTIONS - 1 else ""
        if not end and good[i - 1] and good[i + 1]:
            here = slope(place)
            ends = (place, min(logs[i + 1], -1e-9)) if here < 0.0 else (logs[i - 1], place)
            if slope(ends[0]) < 0.0 < slope(ends[1]):
                root: Any = brentq(slope, *ends, xtol=1e-9)
                place = float(root)
        f = float(min(np.exp(place), 1.0))
        minima.append((f, float(at(np.asarray(f)).error), slope(place) if f < 1.0 else np.nan, end))
    f, least, change, end = min(minima, key=lambda found: found[1])
    total = size if n is not None else size / f
    listed = tuple(sorted(((one[0], one[1]) for one in minima), key=lambda pair: pair[1]))
    return BestKeep(fixed, f, total, total * f, least, change, end, listed, bool(good.all()))


def best_penalty(
    model: FeatureModel, n: float, keep: Any, rule: Any, probe: Any = None, **options: Any
) -> float:
    """λ of least error for one rule: a root of dε/dλ, bracketed by a scan of 28 penalties.

    Looked for between 1e-6 and 1e3 times n f times the mean variance of a feature; the end of the
    range, where ε still falls there.

    Args:
        model, n, keep, rule, probe: as in `solve`, one point.
        options: further arguments of `solve`: loss, intercept, weights, per_class, offset.

    Raises:
        ConvergenceError: where no penalty of the scan could be solved.
    """
    spectra = model.covariances
    mean = float(
        model.weights @ (spectra if spectra.ndim == 2 else spectra.diagonal(0, 1, 2)).mean(axis=1)
    )
    scale = n * (1.0 if keep is None else keep) * mean
    grid = scale * np.geomspace(*RANGE, SCAN)
    scan = solve(model, n, keep, rule, probe, penalty=grid, throw=False, **options)
    if not scan.converged.any():
        raise ConvergenceError(f"no penalty between {grid[0]:g} and {grid[-1]:g} could be solved")
    at = int(np.nanargmin(scan.error))
    if at in (0, SCAN - 1) or not scan.converged[at - 1 : at + 2].all():
        return float(grid[at])

    def slope(log: float) -> float:
        return float(
            slopes(solve(model, n, keep, rule, probe, penalty=np.exp(log), **options)).d_penalty
        )

    ends = np.log(grid[at - 1]), np.log(grid[at + 1])
    if not slope(ends[0]) < 0.0 < slope(ends[1]):
        return float(grid[at])
    root: Any = brentq(slope, *ends, xtol=1e-6)
    return float(np.exp(root))


class _Search(RuleSearch):
    """Rules of one kind at one point."""

    def __init__(
        self, model: FeatureModel, n: float, f: float, probe: Any, of: Of, per_class: bool,
        penalty: float, options: dict[str, Any],
    ):  # fmt: skip
        given = as_probe(probe, model, check_number("offset", options["offset"]))
        self.setting = setting_for(model, given, True, False, None)
        self.ranks = Ranks(FieldLaw(facing(self.setting)), of, per_class)
        self.n, self.penalty = np.array([n]), np.array([penalty])
        self.loss, self.intercept = options["loss"], options["intercept"]
        self.of: Of = of
        super().__init__(f, self.ranks.breaks)

    def intervals(self, ranks: Array) -> dict[int, Intervals]:
        """Kept intervals of |z| or y z by label; all of it, thinned, for random keeping."""
        everywhere = (0.0 if self.of == "abs" else -np.inf, np.inf)
        if not len(ranks):
            return {1: (everywhere,), -1: (everywhere,)}
        if not self.ranks.per_class:
            pairs = tuple(map(tuple, self.ranks.values(ranks).tolist()))
            return {1: pairs, -1: pairs}
        found: dict[int, Intervals] = {}
        share = self.ranks.law.share
        for y, sign in enumerate((1, -1)):
            ends = (0.0, share) if y == 0 else (share, 1.0)
            mine = np.clip(ranks, *ends)
            mine = mine[mine[:, 1] > mine[:, 0]]
            values = self.ranks.values(mine, np.full(mine.shape, y))
            found[sign] = tuple(map(tuple, values.tolist()))
        return found

    def rule(self, ranks: Array) -> KeepRule:
        """The kept ranks as a rule, in root mean squares of the field."""
        if not len(ranks):
            low = 0.0 if self.of == "abs" else -np.inf
            return Piecewise((low, np.inf), (self.f,), self.of)
        kept = self.intervals(ranks)
        plus, minus = (_piecewise(kept[y], self.of, self.setting.rms) for y in (1, -1))
        return ByLabel(plus, minus) if self.ranks.per_class or plus is None else plus

    def task(self, ranks: Array) -> Task:
        setting = self.setting
        part = part_of(self.rule(ranks), 1.0, np.zeros(2), setting.rms)
        return Task(
            self.n, self.penalty, setting.model.weights, setting.kept([part]), setting.signals,
            setting.world, self.loss, self.intercept,
        )  # fmt: skip

    def _found(self, task: Task, point: Point, left: Array, enough: float = ENOUGH) -> Found | None:
        if not left[0] < enough:
            return None
        fields = respond(hats_of(point.x), task.world, task.penalty, False).fields
        fields = fields._replace(m=fields.m + point.b[:, None])
        return Found(float((cluster_errors(self.setting, fields) @ task.weights)[0]), point)

    def all(self, starts: dict[str, Array]) -> tuple[list[Met], Met]:
        """Where every start led, and the best of them."""
        met = [self.run(name, ranks) for name, ranks in starts.items()]
        return met, min(met, key=lambda point: (point.error, point.violation))

    def solved(self, ranks: Array, near: Found | None) -> Found | None:
        task = self.task(ranks)
        if near is not None:
            found = self._found(task, *newton(task, near.state, COARSE, rounds=12))
            if found is not None:
                return found
        return self._found(task, *solved(task)[:2])

    def exactly(self, ranks: Array, near: Found | None) -> Found | None:
        task = self.task(ranks)
        if near is not None:
            found = self._found(task, *newton(task, near.state, FINE, rounds=12), EXACT)
            if found is not None:
                return found
        return self._found(task, *solved(task)[:2])

    def adjoint(self, ranks: Array, found: Found) -> tuple[Solved, Adjoint]:
        one = Solved(
            np.array([0]), self.task(ranks), self.setting, [], [], np.array([self.f]), found.state,
            False,
        )  # fmt: skip
        return one, Adjoint.of(one)

    def influence(self, ranks: Array, found: Found, at: Array) -> Float[np.ndarray, " ranks"]:
        """I at ranks: over the examples that share |z| or y z, by their masses."""
        labels, v = self.ranks.labels(at), self.ranks.values(at)
        reach = self.ranks.law.reach
        v = np.clip(v, -reach, reach)
        both = influence_and_mass(*self.adjoint(ranks, found), np.concatenate([v, -v]))
        size = len(v)
        sums = []
        for density in (both[0][0], both[1]):
            front, back = density[:, :size], density[:, size:]
            if self.of == "abs":
                by_label = front + back
            else:
                by_label = np.stack([front[0], back[1]])
            index = np.maximum(labels, 0)
            one = np.take_along_axis(by_label, index[None], 0)[0]
            sums.append(np.where(labels < 0, by_label.sum(axis=0), one))
        return sums[0] / np.maximum(sums[1], 1e-300)


def _piecewise(pairs: Intervals, of: Of, rms: float) -> Piecewise | None:
    if not pairs:
        return None
    edges = np.array(pairs).ravel() / rms
    return Piecewise(tuple(edges.tolist()), tuple((1.0, 0.0) * len(pairs))[:-1], of)
