"""What a reader of a plan must know beside its numbers: warnings and assumptions, as objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prunelaw.decay.mixtures import mixture_assumptions
from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.fits.extrapolation import beyond_data
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.pools.ensemble import PoolEnsemble

if TYPE_CHECKING:
    from prunelaw.decay.schedule import Schedule
    from prunelaw_sim.pools.unions import UnionChoice, Weighting
from prunelaw_sim.common.note import Note

_OPENINGS = {
    "Theorem": "theorem",
    "As published": "as_published",
    "Extension": "extension",
}
_WORDS = {"samples_seen": "samples seen", "epochs": "epochs", "unique_samples": "unique samples"}


def warnings_of(
    ensemble: PoolEnsemble, unions: tuple[UnionChoice, ...], chosen: UnionChoice, selection: float
) -> tuple[Note, ...]:
    """Everything that makes the plan less than it seems."""
    found = [*_range(unions, chosen), *_short(ensemble, chosen), *_unaffordable(unions, selection)]
    if ensemble.certain:
        found.append(
            Note(
                "no_uncertainty",
                "the pools come without uncertainty: no intervals, probabilities or runs worth "
                "adding; give b_se and tau_se, or runs to fit",
            )
        )
    if ensemble.fit is not None:
        found += _extrapolation(ensemble, ensemble.fit, chosen)
        found += [
            Note(w.kind, _with_names(w.parameters or (), w.message)) for w in ensemble.fit.warnings
        ]
    return tuple(found)


def assumptions_of(
    ensemble: PoolEnsemble,
    chosen: UnionChoice,
    weighting: Weighting | None,
    schedule: Schedule | None,
    scatter: float | None,
) -> tuple[Note, ...]:
    """What the numbers rest on: the law's mixing rule, what goes beyond it, then the statistics."""
    pools = ensemble.point[: len(chosen.pools)]
    found = []
    for sentence in mixture_assumptions(pools, stretch=ensemble.point_stretch):
        opening, _, text = sentence.partition(": ")
        found.append(Note(_OPENINGS[opening], text))
    if weighting is not None:
        text = "other weights: each pool has a clock of its own, and utilities add with the weights"
        found.append(Note("extension", text))
    if schedule is not None:
        text = (
            "schedule: each pool's decay counts its own showings, for the fixed draws that it is "
            "compared with as well, so that their errors differ from those above"
        )
        found.append(Note("extension", text))
    if ensemble.certain:
        return tuple(found)
    found.append(Note("statistics", f"uncertainty: {ensemble.source}"))
    if ensemble.fit is None:
        found.append(Note("statistics", "a and d are taken as exact"))
    else:
        found.append(
            Note("statistics", "the bootstrap's distribution stands for a posterior (flat prior)")
        )
    if scatter is None:
        found.append(
            Note(
                "statistics",
                "one run's scatter about the law is unknown and taken as 0 for the runs worth "
                "adding",
            )
        )
    return tuple(found)


def _range(unions: tuple[UnionChoice, ...], chosen: UnionChoice) -> list[Note]:
    worst = max(chosen.error, chosen.high or 0.0)
    if worst > 1.0:
        return [
            Note(
                "beyond_range",
                f"the law predicts errors up to {worst:.4g} for the chosen union; above 1 it gives "
                "no error rate (it may be a loss)",
            )
        ]
    others = [u for u in unions if u.error > 1.0 and np.isfinite(u.error)]
    if others:
        names = ", ".join(f"the best {len(u.pools)} ({u.error:.4g})" for u in others)
        return [Note("beyond_range", f"the law predicts errors above 1 for other unions: {names}")]
    return []


def _short(ensemble: PoolEnsemble, chosen: UnionChoice) -> list[Note]:
    if chosen.epochs >= 1.0:
        return []
    total = float(ensemble.size[: len(chosen.pools)].sum())
    return [
        Note(
            "below_one_epoch",
            f"{amount_text(chosen.samples_seen)} samples are {chosen.epochs:.3g} epochs of the "
            f"chosen union of {amount_text(total)}: nothing is seen twice, half-lives play no role",
        )
    ]


def _unaffordable(unions: tuple[UnionChoice, ...], selection: float) -> list[Note]:
    if all(np.isfinite(union.error) for union in unions):
        return []
    return [
        Note(
            "selection",
            f"scores alone cost {amount_text(selection)} samples' worth of compute, which the "
            "budget does not pay for: only training on all pools is left",
        )
    ]


def beyond_runs(
    ensemble: PoolEnsemble, fit: UtilityFit, chosen: UnionChoice
) -> tuple[dict[str, float], ...]:
    """How far each pool of the union goes beyond its fitted rows: coordinate → doublings."""
    count = len(chosen.pools)
    size = ensemble.size[:count]
    frame = pd.DataFrame(
        {
            "pool": list(chosen.pools),
            "unique_samples": size,
            "samples_seen": np.maximum(chosen.epochs * size, 1.0),
        }
    )
    if len(fit.groups) > 1:
        frame["group"] = ensemble.group
    return beyond_data(fit.problem.model, frame)


def _extrapolation(ensemble: PoolEnsemble, fit: UtilityFit, chosen: UnionChoice) -> list[Note]:
    """The same in words."""
    outside = beyond_runs(ensemble, fit, chosen)
    found = []
    for name, distances in zip(chosen.pools, outside, strict=True):
        far = ", ".join(
            f"{distance:.1f} doublings in {_WORDS.get(coordinate, coordinate)}"
            for coordinate, distance in distances.items()
        )
        if far:
            found.append(
                Note(
                    "extrapolation",
                    f"{name}: beyond its runs by {far}; the intervals trust the law",
                )
            )
    return found


def _with_names(parameters: tuple[str, ...], message: str) -> str:
    return f"{parameters[0]}: {message}" if parameters else message
