"""What a reader of a plan must know beside its numbers: warnings and assumptions, as objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from prunelaw.decay.mixtures import mixture_assumptions
from prunelaw_sim.common.amounts import amount_text
from prunelaw_sim.common.note import Note
from prunelaw_sim.fits.extrapolation import beyond_data
from prunelaw_sim.laws.utility import UtilityFit
from prunelaw_sim.pools.decisions import UnionChoice
from prunelaw_sim.pools.ensemble import PoolEnsemble


def warnings_of(
    ensemble: PoolEnsemble, unions: tuple[UnionChoice, ...], chosen: UnionChoice, selection: float
) -> Iterator[Note]:
    """Everything that makes the plan less than it seems."""
    worst = max(chosen.error, chosen.high or 0.0)
    others = [u for u in unions if u.error > 1.0 and np.isfinite(u.error)]
    if worst > 1.0:
        yield Note(
            "beyond_range",
            f"the law predicts errors up to {worst:.4g} for the chosen union; above 1 it gives no "
            "error rate (it may be a loss)",
        )
    elif others:
        names = ", ".join(f"the best {len(u.pools)} ({u.error:.4g})" for u in others)
        yield Note("beyond_range", f"the law predicts errors above 1 for other unions: {names}")
    if chosen.epochs < 1.0:
        total = amount_text(float(_sizes(ensemble, chosen).sum()))
        yield Note(
            "below_one_epoch",
            f"{amount_text(chosen.samples_seen)} samples are {chosen.epochs:.3g} epochs of the "
            f"chosen union of {total}: nothing is seen twice, half-lives play no role",
        )
    if not all(np.isfinite(union.error) for union in unions):
        yield Note(
            "selection",
            f"scores alone cost {amount_text(selection)} samples' worth of compute, which the "
            "budget does not pay for: only training on all pools is left",
        )
    if ensemble.certain:
        yield Note(
            "no_uncertainty",
            "the pools come without uncertainty: no intervals, probabilities or runs worth "
            "adding; give b_se and tau_se, or runs to fit",
        )
    if ensemble.fit is None:
        return
    for name, distances in beyond_runs(ensemble, ensemble.fit, chosen).items():
        far = ", ".join(
            f"{x:.1f} doublings in {at.replace('_', ' ')}" for at, x in distances.items()
        )
        yield Note(
            "extrapolation", f"{name}: beyond its runs by {far}; the intervals trust the law"
        )
    for warning in ensemble.fit.warnings:
        about = f"{warning.parameters[0]}: " if warning.parameters else ""
        yield Note(warning.kind, f"{about}{warning.message}")


def assumptions_of(
    ensemble: PoolEnsemble,
    chosen: UnionChoice,
    weighted: bool,
    scheduled: bool,
    scatter: float | None,
) -> Iterator[Note]:
    """What the numbers rest on: the law's mixing rule, what goes beyond it, then the statistics."""
    pools, stretch = [p for p in ensemble.point if p.name in chosen.pools], ensemble.point_stretch
    if ensemble.alternatives:
        yield Note("pools", "alternatives: they share samples, so that one of them is trained on")
    elif len(ensemble.point) > 1:
        yield Note("pools", "disjoint: no sample is in two pools; a union counts each once")
    shared = () if ensemble.alternatives else mixture_assumptions(pools, stretch=stretch)
    for sentence in shared:
        opening, _, text = sentence.partition(": ")
        yield Note(opening.lower().replace(" ", "_"), text)
    if weighted:
        text = "other weights: each pool has a clock of its own, and utilities add with the weights"
        yield Note("extension", text)
    if scheduled:
        yield Note(
            "extension",
            "schedule: each pool's decay counts its own showings, for the fixed draws that it is "
            "compared with as well, so that their errors differ from those above",
        )
    if ensemble.certain:
        return
    yield Note("statistics", f"uncertainty: {ensemble.source}")
    text = "the bootstrap's distribution stands for a posterior (flat prior)"
    yield Note("statistics", "a and d are taken as exact" if ensemble.fit is None else text)
    if scatter is None:
        text = "one run's scatter about the law is unknown and taken as 0 for the runs worth adding"
        yield Note("statistics", text)


def beyond_runs(
    ensemble: PoolEnsemble, fit: UtilityFit, chosen: UnionChoice
) -> dict[str, dict[str, float]]:
    """Pools of the union that go beyond their fitted rows → coordinate → by how many doublings."""
    size = _sizes(ensemble, chosen)
    seen = np.maximum(chosen.epochs * size, 1.0)
    frame = pd.DataFrame({"pool": list(chosen.pools), "unique_samples": size, "samples_seen": seen})
    if len(fit.groups) > 1:
        frame["group"] = ensemble.group
    beyond = beyond_data(fit.problem.model, frame)
    return {name: far for name, far in zip(chosen.pools, beyond, strict=True) if far}


def _sizes(ensemble: PoolEnsemble, chosen: UnionChoice) -> np.ndarray:
    """Unique samples of the chosen pools."""
    return ensemble.size[[ensemble.names.index(name) for name in chosen.pools]]
