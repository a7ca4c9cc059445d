"""Test error after training on pruned data with structured features: `solve`, `FeatureSolution`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from prunelaw.checks import check_number, check_real
from prunelaw.errors import ConvergenceError, InputError
from prunelaw.features.error import cluster_errors
from prunelaw.features.losses import Loss, as_loss
from prunelaw.features.matrix import respond
from prunelaw.features.model import FeatureModel
from prunelaw.features.newton import Point, Task, hats_of, solved
from prunelaw.features.probes import as_probe, setting_for
from prunelaw.features.rules import (
    Part,
    Setting,
    Soft,
    checked_keep,
    fixes_fraction,
    part_of,
    thresholds,
)
from prunelaw.keep import SAME_FRACTION, KeepRule, Mixture, Random
from prunelaw.keep.points import rule_array
from prunelaw.numerics.arrays import broadcast
from prunelaw.numerics.gaussian import Array

AGREE = 1e-8  # relative difference of the error between the two quadratures
NODES, NUMBERS = 4e5, 3e7  # of one chunk: quadrature nodes, matrix entries
STATUS = (
    "converged",
    "no solution found: the path from few examples ended before n; without a penalty, or with a "
    "tiny one, the kept examples may not be separable, or separable by far; raise the penalty",
    "accuracy not reached: the two quadratures disagree; see `change`",
)


@dataclass(frozen=True)
class FeatureSolution:
    """The student in the limit of many dimensions.  Arrays have the broadcast shape, or (shape, K).

    Attributes:
        error: probability that sign(h) differs from the label before flips.
        errors: the same by cluster.
        mean: mean m of the student's field h in each cluster, the intercept included.
        variance: its variance q.
        overlaps: its covariances with the signals, (shape, K, signals); `signals` names them:
            "z" is the probe's field, "t" the teacher's.
        stiffness: V of each cluster, the response of a field to a pull.
        intercept: b.
        keep: fraction kept.
        thresholds: γ of |z| or y z for labels +1 and −1, or c of a soft rule; NaN for others.
        residual: largest scaled residual of the equations at the last point.
        change: relative difference of the error between the two quadratures.
        converged: True where residual and change are small; elsewhere numbers are NaN.
        status: index into `prunelaw.features.solver.STATUS`.
    """

    n: Float[np.ndarray, "*shape"]
    penalty: Float[np.ndarray, "*shape"]
    rule: Shaped[np.ndarray, "*shape"]
    keep: Float[np.ndarray, "*shape"]
    error: Float[np.ndarray, "*shape"]
    errors: Float[np.ndarray, "*shape K"]
    mean: Float[np.ndarray, "*shape K"]
    variance: Float[np.ndarray, "*shape K"]
    overlaps: Float[np.ndarray, "*shape K S"]
    stiffness: Float[np.ndarray, "*shape K"]
    intercept: Float[np.ndarray, "*shape"]
    thresholds: Float[np.ndarray, "*shape 2"]
    residual: Float[np.ndarray, "*shape"]
    change: Float[np.ndarray, "*shape"]
    converged: Bool[np.ndarray, "*shape"]
    status: Int[np.ndarray, "*shape"]
    signals: tuple[str, ...] = ()
    solved: tuple[Solved, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Solved:
    """Points that share a setting, with what derivatives and probes need.

    Attributes:
        index: where they stand in the flattened batch.
        task: their equations.
        setting: their signals.
        parts: what their keep rules keep; rules and keep are those rules and fractions.
        point: their hats and intercepts.
        per_class: whether thresholds hold for each label.
    """

    index: Int[np.ndarray, " P"]
    task: Task
    setting: Setting
    parts: list[Part]
    rules: list[KeepRule]
    keep: Array
    point: Point
    per_class: bool


def solve(
    model: FeatureModel,
    n: Any,
    keep: Any = None,
    rule: Any = "random",
    probe: Any = None,
    *,
    loss: Loss | str = "logistic",
    penalty: Any = None,
    intercept: bool = False,
    weights: Any = None,
    per_class: bool = False,
    offset: float = 0.0,
    throw: bool = True,
) -> FeatureSolution:
    """Test error of a student trained on what a rule keeps of n examples of a mixture.

    The student is min over (β, b) of Σ_kept ω ℓ(y (β·x + b)) + (λ/2)|β|².  Exact for n, d → ∞ at a
    fixed ratio; arrays n, keep, rule and penalty broadcast.

    Args:
        model: the data set.
        n: examples before pruning, above 0.
        keep: fraction kept, in (0, 1]; None: as the rule implies, 1 for "random".
        rule: a text or object of `prunelaw.keep`, or `Soft`; or an array of them.
        probe: its weight vector θ, d numbers, or a `TheoryProbe`; not needed for "random".
        loss: "logistic", "square", "hinge", "squared-hinge", "hard-margin" or a `Loss`.
        penalty: λ above 0; may be left out for "hard-margin".
        intercept: whether the student has a free b.
        weights: importance weights ω of the loss: None for 1, "inverse" for 1/π (π the keep
            probability), or a function ω(y, z) ≥ 0.
        per_class: thresholds for each label, so that each class keeps the same fraction.
        offset: z = θ·x + offset.
        throw: True: raise `ConvergenceError` if a point cannot be solved.  False: flag it.

    Raises:
        InputError: for arguments outside their range, a missing probe, a fraction that contradicts
            the rule, a penalty of 0.
        ConvergenceError: as `throw` says.

    >>> from prunelaw.features import FeatureModel, solve
    >>> model = FeatureModel.two_clusters([1.0, 0.0, 0.0, 0.0])
    >>> round(float(solve(model, n=40, penalty=1.0).error), 4)
    0.1799
    """
    loss = as_loss(loss)
    arrays = broadcast(
        n=check_real("n", n, 0.0, low_open=True),
        keep=checked_keep(keep),
        rule=rule_array(rule),
        penalty=checked_penalty(penalty, loss),
    )
    shape = arrays[0].shape
    n, keep, rules, penalty = (np.array(array).ravel() for array in arrays)
    probe = as_probe(probe, model, check_number("offset", offset))
    K, parts = model.clusters, []
    flat: dict[str, Any] = {name: np.full(len(n), np.nan) for name in ("error", "intercept")}
    flat |= {
        name: np.full((len(n), K), np.nan) for name in ("errors", "mean", "variance", "stiffness")
    }
    flat |= {name: np.full(len(n), np.inf) for name in ("residual", "change")}
    flat |= {
        "overlaps": np.full((len(n), K, 0), np.nan),
        "thresholds": np.full((len(n), 2), np.nan),
    }
    flat |= {"status": np.zeros(len(n), np.int8)}
    signals: tuple[str, ...] = ()
    groups: dict[Any, list[int]] = {}
    for i, one in enumerate(rules.tolist()):
        groups.setdefault(kind_of(one, weights), []).append(i)
    keep = np.array(keep)
    for (reads, outer), members in groups.items():
        setting = setting_for(model, probe, reads, outer, weights)
        index = np.array(members)
        made = parts_of(setting, rules, keep, index, per_class, flat["thresholds"])
        signals = setting.order if len(setting.order) > len(signals) else signals
        for chunk in _chunks(n, penalty, rules, keep, index, setting):
            task = Task(
                n[chunk], penalty[chunk], model.weights, setting.kept([made[i] for i in chunk]),
                setting.signals, setting.world, loss, intercept,
            )  # fmt: skip
            point = solved(task)
            _store(flat, chunk, task, setting, point)
            mine = [made[i] for i in chunk], rules[chunk].tolist(), keep[chunk]
            parts.append(Solved(chunk, task, setting, *mine, point[0], per_class))
    flat["converged"] = flat["status"] == 0
    if throw and not flat["converged"].all():
        raise ConvergenceError(_failure(n, keep, rules, penalty, flat))
    for name in ("error", "errors", "mean", "variance", "overlaps", "stiffness", "intercept"):
        flat[name][~flat["converged"]] = np.nan
    names = np.array([one.name for one in rules], dtype=str)
    flat |= {"n": n, "penalty": penalty, "rule": names, "keep": keep}
    whole = {name: value.reshape((*shape, *value.shape[1:])) for name, value in flat.items()}
    return FeatureSolution(**whole, signals=signals, solved=tuple(parts))


def checked_penalty(penalty: Any, loss: Loss) -> Array:
    if penalty is None:
        if not loss.constraint:
            raise InputError(
                f"penalty must be given: the loss {loss.name} may have no minimum without"
            )
        return np.array(1.0)
    given = check_real("penalty", penalty, 0.0)
    if (given == 0.0).any():
        raise InputError(
            "penalty must be above 0, got 0: without one there may be no minimum; "
            'the limit of separable data is loss="hard-margin"'
        )
    return np.ones_like(given) if loss.constraint else given


def kind_of(rule: KeepRule, weights: Any) -> tuple[bool, bool]:
    """Whether a rule reads the probe, and whether on panels."""
    on_panels = isinstance(rule, Soft) or rule.profile_of() is not None
    if weights is not None and not (weights == "inverse" and isinstance(rule, Random)):
        return True, True
    return not isinstance(rule, Random), on_panels


def parts_of(
    setting: Setting, rules: Any, keep: Array, index: Array, per_class: bool, gammas: Array
) -> dict[int, Part]:
    """The rule of every point, fractions filled in and thresholds noted."""
    made: dict[int, Part] = {}
    for rule in dict.fromkeys(rules[index].tolist()):
        mine = index[[r is rule or r == rule for r in rules[index]]]
        if not fixes_fraction(rule):
            if isinstance(rule, Random):
                keep[mine] = np.where(np.isnan(keep[mine]), 1.0, keep[mine])
            if np.isnan(keep[mine]).any():
                raise InputError(f"keep must be given: the rule {rule.name} works at any fraction")
        else:
            inner = rule.rule if isinstance(rule, Mixture) else rule
            part = part_of(inner, 1.0, np.zeros(2), setting.rms)
            implied = float(setting.mass([part]).sum())
            if not implied > 0.0:
                raise InputError(f"rule {rule.name} keeps nothing of this data set")
            given = keep[mine]
            apart = ~np.isnan(given) & (np.abs(given - implied) > SAME_FRACTION * implied)
            if apart.any():
                raise InputError(
                    f"keep must be {implied:.9g}, which the rule {rule.name} implies (or be left "
                    f"out), got {given[apart][0]:g}"
                )
            keep[mine] = implied
        values, back = np.unique(keep[mine], return_inverse=True)
        found, gamma = thresholds(setting, rule, values, per_class, setting.rms)
        gammas[mine] = gamma[back]
        made |= {int(i): found[j] for i, j in zip(mine, back, strict=True)}
    return made


def _chunks(n: Array, penalty: Array, rules: Any, keep: Array, index: Array, setting: Setting):
    """Points of one setting, neighbours together, few enough for memory and cache."""
    names = np.array([rule.name for rule in rules[index]])
    index = index[np.lexsort((n[index], penalty[index], keep[index], names))]
    K, d = setting.model.clusters, setting.model.dim
    nodes = 300 * (200 if setting.outer else 1)
    entries = K * d * (1 if setting.world.diagonal else d)
    most = int(max(1, min(NODES / (K * nodes), NUMBERS / entries)))
    for start in range(0, len(index), most):
        yield index[start : start + most]


def _store(flat: dict[str, Any], chunk: Array, task: Task, setting: Setting, solved: Any) -> None:
    fine, left, coarse = solved
    fields = respond(hats_of(fine.x), task.world, task.penalty, False).fields
    fields = fields._replace(m=fields.m + fine.b[:, None])
    before = respond(hats_of(coarse.x), task.world, task.penalty, False).fields
    before = before._replace(m=before.m + coarse.b[:, None])
    weights = task.weights
    errors = cluster_errors(setting, fields)
    error, other = errors @ weights, cluster_errors(setting, before) @ weights
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(other - error) / error
    values = {
        "error": error, "errors": errors, "mean": fields.m, "variance": fields.q,
        "stiffness": fields.V, "intercept": fine.b, "residual": left, "change": change,
        "status": np.where(left > 1e-9, 1, np.where(change > AGREE, 2, 0)),
    }  # fmt: skip
    for name, value in values.items():
        flat[name][chunk] = value
    S = fields.o.shape[-1]
    if flat["overlaps"].shape[-1] < S:
        flat["overlaps"] = np.full((*flat["overlaps"].shape[:2], S), np.nan)
    if S:
        flat["overlaps"][chunk, :, :S] = fields.o


def _failure(n: Array, keep: Array, rules: Any, penalty: Array, flat: dict[str, Any]) -> str:
    bad = np.flatnonzero(flat["status"] > 0)
    i = bad[0]
    return (
        f"{bad.size} of {len(n)} points could not be solved, first n={n[i]:g}, keep={keep[i]:g}, "
        f"rule={rules[i].name}, penalty={penalty[i]:g}: {STATUS[flat['status'][i]]}; "
        "throw=False returns the others"
    )
