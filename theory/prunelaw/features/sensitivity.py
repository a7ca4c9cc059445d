"""How the error moves with n, the fraction kept, the penalty and each single example: the adjoint.

The hats x obey x = n E[w …](u(x, λ)).  Where the right side is pushed by δ, the error moves by g·δ
with one vector g per point, whatever pushes: more examples, another threshold, one example more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_real
from prunelaw.errors import InputError
from prunelaw.features.channel import Fields, moments, moments_at
from prunelaw.features.error import error_slopes
from prunelaw.features.field_law import up_at
from prunelaw.features.labels import Steps
from prunelaw.features.matrix import Hats, World, respond
from prunelaw.features.newton import COARSE, FINE, Point, Task, asked, hats_from, hats_of, look
from prunelaw.features.rules import Setting, everything, fixes_fraction, thresholds
from prunelaw.features.solver import FeatureSolution, Solved
from prunelaw.numerics.gaussian import Array

STEP = 1e-3  # of the fraction kept, relative, in differences of what the examples ask


class FeatureSlopes(NamedTuple):
    """Derivatives of the test error, in the shape of the solution; NaN where it has not converged.

    Attributes:
        d_n: dε/dn at a fixed penalty λ and fixed fraction kept.
        d_f: dε/df, f the fraction kept; NaN for rules that fix the fraction, and with weights 1/π.
        d_penalty: dε/dλ; 0 for the hard margin.
    """

    d_n: Float[np.ndarray, "*shape"]
    d_f: Float[np.ndarray, "*shape"]
    d_penalty: Float[np.ndarray, "*shape"]


def slopes(solution: FeatureSolution) -> FeatureSlopes:
    """dε/dn, dε/df and dε/dλ, by the adjoint of the equations."""
    found = np.full((3, solution.error.size), np.nan)
    for part in solution.solved:
        adjoint = Adjoint.of(part)
        found[0, part.index] = adjoint.along(part.point.x) / part.task.n
        found[1, part.index] = adjoint.along(_by_keep(part, adjoint.fields))
        found[2, part.index] = 0.0 if part.task.loss.constraint else adjoint.by_penalty
    found[:, ~solution.converged.ravel()] = np.nan
    return FeatureSlopes(*(row.reshape(solution.error.shape) for row in found))


def influence(solution: FeatureSolution, z: Any) -> Float[np.ndarray, "*shape 2 Z"]:
    """I(z, y) = dε/d(kept mass): what keeping one more share of the pool at (z, y) does to ε.

    Args:
        solution: of a rule that reads the probe; for random keeping solve with "mix:1,hard".
        z: fields of the probe, as θ·x + offset, Z numbers.

    Returns:
        I for labels +1 and −1; NaN where a label has no examples, and for points not converged.

    Raises:
        InputError: for a solution without a probe, or with weights 1/π, which move with the rule.
    """
    z = np.atleast_1d(check_real("z", z))
    found = np.full((solution.error.size, 2, len(z)), np.nan)
    for part in solution.solved:
        pull, mass = influence_and_mass(part, Adjoint.of(part), z)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[part.index] = np.where(mass > 0.0, pull / mass, np.nan)
    found[~solution.converged.ravel()] = np.nan
    return found.reshape(*solution.error.shape, 2, len(z))


class Adjoint(NamedTuple):
    """Slopes of the error in what the examples ask of the hats.

    fields    the order parameters, intercept included
    g         dε/d(asked hats), (P, K, 3+S)
    by_penalty dε/dλ
    """

    fields: Fields
    g: Array
    by_penalty: Array

    @classmethod
    def of(cls, part: Solved) -> Adjoint:
        task, point = part.task, part.point
        fields, linear = _with_penalty(task, point)
        seen = look(task, point, FINE)
        P, K, J = point.x.shape
        slope = error_slopes(part.setting, fields) * task.weights[:, None]
        wish = np.zeros_like(seen.right)
        wish[:, : K * J] = (np.einsum("pci,pciej->pej", slope, linear.hats) * seen.scale).reshape(
            P, -1
        )
        if task.intercept:
            wish[:, -1] = slope[..., 2].sum(axis=1) * np.sqrt(seen.fields.q.mean(axis=1))
        solved = -np.linalg.solve(np.swapaxes(seen.matrix, 1, 2), wish[..., None])[..., 0]
        g = solved[:, : K * J].reshape(P, K, J) / np.where(seen.scale > 0.0, seen.scale, 1.0)
        _, inner = asked(task, fields, FINE)
        push = np.einsum("pcij,pcj->pci", inner, linear.penalty)
        direct = np.einsum("pci,pci->p", slope, linear.penalty)
        return cls(fields, g, np.einsum("pci,pci->p", g, push) + direct)

    def along(self, push: Array) -> Array:
        """dε along a push of the asked hats, (P,)."""
        return np.einsum("pci,pci->p", self.g, push)


class _Linear(NamedTuple):
    hats: Array  # ∂fields/∂hats (P, K, 3+S, K, 3+S)
    penalty: Array  # ∂fields/∂λ (P, K, 3+S)


def _with_penalty(task: Task, point: Point) -> tuple[Fields, _Linear]:
    """Fields and their slopes; λ enters like V̂ of one more cluster, of covariance 1."""
    world, (P, K, J) = task.world, point.x.shape
    d = world.means.shape[1]
    unit = np.ones((1, d)) if world.diagonal else np.eye(d)[None]
    more = World(
        np.concatenate([world.means, np.zeros((1, d))]),
        np.concatenate([world.covs, unit]),
        world.signals,
        world.spread,
        world.drawn,
    )
    x = np.concatenate([point.x, np.zeros((P, 1, J))], axis=1)
    x[:, K, 0] = task.penalty
    answer = respond(Hats(*hats_of(x)), more, np.zeros(P))
    fields = Fields(*(array[:, :K] for array in answer.fields))
    slope = answer.slope[:, :K]
    shifted = fields._replace(m=fields.m + point.b[:, None])
    return shifted, _Linear(slope[:, :, :, :K], slope[:, :, :, K, 0])


def _by_keep(part: Solved, fields: Fields) -> Array:
    """∂(asked hats)/∂f at fixed fields: differences of fourth order over the rule's family."""
    task, setting = part.task, part.setting
    push = np.full_like(part.point.x, np.nan)
    if setting.scale == "inverse":
        return push
    for i, (rule, keep) in enumerate(zip(part.rules, part.keep, strict=True)):
        if fixes_fraction(rule):
            continue
        h = STEP * min(keep, 1.0 - keep) if keep < 1.0 else 0.0
        ends = keep + h * np.array([-2.0, -1.0, 1.0, 2.0])
        if not h:
            continue
        made, _ = thresholds(setting, rule, ends, part.per_class, setting.rms)
        four = Fields(*(np.repeat(array[i : i + 1], 4, axis=0) for array in fields))
        value = moments(four, setting.kept(made), task.signals, task.loss, FINE).value
        hats = hats_from(value[:, :, None], four.o, task.signals)[:, :, 0]
        push[i] = (
            task.n[i] * task.weights[:, None] * np.tensordot([1, -8, 8, -1], hats, 1) / (12 * h)
        )
    return push


def influence_and_mass(part: Solved, adjoint: Adjoint, z: Array) -> tuple[Array, Array]:
    """Densities in z of dε (P, 2, Z) and of examples (2, Z), by label (+1, −1)."""
    setting, place = facing(part.setting), z
    if setting.order[0] == "t" and setting.probe is not None:
        place = (z - setting.probe.shift) / setting.probe.slope
    turned = [part.setting.order.index(name) for name in setting.order]
    o = adjoint.fields.o[..., turned]
    g = np.concatenate([adjoint.g[..., :3], adjoint.g[..., 3:][..., turned]], axis=-1)
    fields, task, signals = adjoint.fields._replace(o=o), part.task, setting.signals
    P = len(task.n)
    variance, mean = signals.cov[:, 0, :1], signals.mean[:, :1]
    density = np.exp(-0.5 * (place - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    density = task.weights[:, None] * density / abs(setting.probe.slope or 1.0)  # pyright: ignore
    up = up_at(setting, z[:, None]).T
    mass = np.stack([np.sum(density * odds, axis=0) for odds in (up, 1.0 - up)])
    pull = np.empty((P, 2, len(z)))
    for y in (0, 1):
        kept = setting.kept([everything(y)] * P)
        value = moments_at(fields, kept, signals, task.loss, COARSE, place)
        hats = hats_from(value, o, signals)
        pull[:, y] = task.n[:, None] * np.einsum("cz,pczj,pcj->pz", density, hats, g)
    return pull, mass


def facing(setting: Setting) -> Setting:
    """The same signals with the probe's integrated last."""
    if setting.probe is None:
        raise InputError(
            "solution must come from a rule that reads a probe; for random keeping give a probe "
            'and rule="mix:1,hard"'
        )
    if setting.scale == "inverse":
        raise InputError('weights must not be "inverse": they move with the rule itself')
    if setting.order == ("t", "z"):
        if not isinstance(setting.model.label_law, Steps):
            raise InputError(
                'label_law must be a `Steps` (or "sign") where the probe is not parallel to the '
                "teacher"
            )
        world, signals = setting.world, setting.signals
        back = [1, 0]
        return replace(
            setting,
            order=("z", "t"),
            outer=True,
            signals=signals._replace(
                mean=signals.mean[:, back], cov=signals.cov[:, back][:, :, back]
            ),
            world=world._replace(signals=world.signals[back]),
        )
    return replace(setting, outer=True)
