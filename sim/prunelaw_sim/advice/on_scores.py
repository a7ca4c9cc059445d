"""Advice on a scored pool: which examples a rule keeps, and the value of the score that parts them.

What high scores mean must be known to whoever keeps the easy ones or a band.  In a file with high =
keep the highest are kept, which is the rule "hard" of a sweep pruned by that score; any other rule
needs high = hard or high = easy (`score_files`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prunelaw.checks import check_number
from prunelaw.errors import InputError, spoken
from prunelaw_sim.common.kept_examples import kept_examples
from prunelaw_sim.common.note import Note
from prunelaw_sim.common.plain import to_plain
from prunelaw_sim.scores.files import Scores, write_scores

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class Border:
    """A value of the score beyond which examples are dropped, in the file's own sign.

    Attributes:
        value: of the outermost example that is kept.
        kept_side: "above" or "below": where the kept examples lie.
        tied: examples of exactly this value.
        tied_kept: of them kept: which ones, the seed decides.
    """

    value: float
    kept_side: str
    tied: int
    tied_kept: int


@dataclass(frozen=True, eq=False)
class ScoreAdvice:
    """Which examples of a scored pool are kept; made by `advise_on_scores`.

    Attributes:
        high: what high values mean in the file: keep, hard or easy.
        borders: none where all are kept or the rule is random, two of a band.
        quantiles, kept_quantiles: of all and of the kept scores, in the file's own sign.
        indices: of the kept examples, in the order of the file, from 0.
    """

    source: str
    high: str
    rule: str
    keep_fraction: float
    examples: int
    kept: int
    borders: tuple[Border, ...]
    quantiles: Mapping[str, float]
    kept_quantiles: Mapping[str, float]
    notes: tuple[Note, ...]
    scores: Scores = field(repr=False)
    indices: Int[np.ndarray, " kept"] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """All but the examples themselves, which `write_kept` writes."""
        left = ("notes", "scores", "indices")
        named = {n: to_plain(getattr(self, n)) for n in self.__dataclass_fields__ if n not in left}
        return {**named, "notes": [note.message for note in self.notes]}

    def write_kept(self, path: str | os.PathLike[str], name: str = "path") -> Path:
        """Writes id and score of the kept examples to a new .csv or .tsv file.

        Ids are those of the file, or numbers of examples from 0.

        Args:
            name: what errors call the path.

        Raises:
            InputError: for a file that exists and another ending.
        """
        ids = self.scores.ids or tuple(map(str, range(self.examples)))
        said = {"rule": self.rule, "keep_fraction": f"{self.keep_fraction:.6g}"}
        said |= {"kept": f"{self.kept} of {self.examples}"}
        chosen = Scores(
            self.scores.values[self.indices],
            tuple(ids[i] for i in self.indices),
            self.source,
            self.high,
            {**self.scores.provenance, **said},
        )
        write_scores(path, chosen, name)
        return Path(path)


def advise_on_scores(
    scores: Scores, rule: str, keep_fraction: float, *, seed: int = 0
) -> ScoreAdvice:
    """The examples that the rule keeps, and the values of the score that part them.

    Args:
        rule, keep_fraction: as `kept_examples` takes them; equal scores are ordered by `seed`.

    Raises:
        InputError: for a rule other than hard and random where the file does not say whether high
            scores are hard or easy.
    """
    f = check_number("keep_fraction", keep_fraction, 0.0, 1.0, low_open=True)
    if scores.high == "keep" and rule not in ("hard", "random") and f < 1.0:
        raise InputError(
            f"{scores.source}: rule {rule} needs to know whether high scores are hard or easy "
            "examples, and the file has high = keep: give "
            f"{spoken('high=', '--scores-high')}, hard or easy"
        )
    kept = kept_examples(scores.values, f, rule, seed=seed)
    sign = -1.0 if scores.high == "easy" else 1.0
    own = sign * scores.values
    notes = [Note("scores_file", text) for text in scores.said]
    if rule == "random":
        notes.append(Note("scores_unused", "the rule is random: the scores are not used"))
    if scores.high == "keep" and rule == "hard":
        text = "high = keep: the highest scores are taken for the rule's hard examples"
        notes.append(Note("high_is_hard", text))
    return ScoreAdvice(
        source=scores.source,
        high=scores.high,
        rule=rule,
        keep_fraction=f,
        examples=len(scores),
        kept=len(kept),
        borders=tuple(_borders(own, kept, rule, scores.high)),
        quantiles=_quantiles(own),
        kept_quantiles=_quantiles(own[kept]),
        notes=tuple(notes),
        scores=scores,
        indices=kept,
    )


def _borders(
    own: Float[np.ndarray, " n"], kept: Int[np.ndarray, " kept"], rule: str, high: str
) -> Iterator[Border]:
    """Where kept and dropped examples meet; a band at the end of the scores has one border."""
    inside, dropped = own[kept], np.delete(own, kept)
    if rule == "random" or not dropped.size:
        return
    up = {"hard": high != "easy", "easy": high == "easy"}.get(rule)  # None: a band, of two sides
    ends = []
    if up is not False and dropped.min() <= inside.min():
        ends.append((float(inside.min()), "above"))
    if up is not True and dropped.max() >= inside.max():
        ends.append((float(inside.max()), "below"))
    for value, side in ends:
        yield Border(value, side, int(np.sum(own == value)), int(np.sum(inside == value)))


def _quantiles(values: Float[np.ndarray, " n"]) -> dict[str, float]:
    found = np.quantile(values, QUANTILES)
    return {f"{100 * q:g} %": float(value) for q, value in zip(QUANTILES, found, strict=True)}
