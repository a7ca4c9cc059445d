"""What the numbers of a score file are: scores, ranks, lists of indices, masks, several seeds.

What two readings would turn around is asked about; the rest is understood, and said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_choice
from prunelaw.errors import TableError, spoken
from prunelaw_sim.scores.arrays import ScoreTable

LISTS = ("indices-up", "indices-down")
HOLDS = ("scores", "ranks", *LISTS)
NEVER = ("highest", "lowest")
LEAST = 8  # numbers; fewer in any order may be scores by chance
APART = 4  # an array is of seeds along its short side, if the other is so many times as long
ALIKE = 0.1  # mean rank correlation: columns that agree less are no seeds of one score
ROW = "(column {})"  # a column without a name
_ID = re.compile(
    r"ids?|ind(?:ex|ices)|idx|uids?|uuid|guid|key|unnamed:?_?\d+|"
    r"(?:sample|example|image|img|data|item|row|datapoint|train|original|orig|dataset)_?"
    r"(?:id|idx|index|uid|uuid|key|name)|file_?names?|__index_level_0__"
)
_SEED = re.compile(r"(.*?)[_ ./-]*(?:seed|run|rep|model|trial|fold|replicate)?[_ ./-]*\d+")
_SEED_WORD = re.compile(r"seed|run|rep|model|trial|fold|replicate")


class Numbers(NamedTuple):
    """Scores, the higher the more of what `high` says, and what was made of the file's numbers."""

    values: Float[np.ndarray, " n"]
    said: tuple[str, ...]


def is_id_name(name: str) -> bool:
    """Whether a column is called like ids: `index`, `uid`, `sample_id`, or nothing at all."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).strip().lower().replace(" ", "_")
    return bool(_ID.fullmatch(plain) or re.fullmatch(r"\(column \d+\)", name))


def seed_columns(names: Sequence[str]) -> bool:
    """Whether columns are called like one score by several seeds: `el2n_seed0`, `el2n_seed1`."""
    found = [_SEED.fullmatch(name.strip().lower()) for name in names]
    if len(names) < 2 or not all(found):
        return False
    return len({match[1] for match in found if match}) == 1 and all(
        _SEED_WORD.search(name.lower()) for name in names
    )


def chosen_columns(
    file: Path, table: ScoreTable, column: str | None, id_column: str | None
) -> tuple[list[str], str | None]:
    """Names of the columns of scores (several are seeds, none is a list of ids) and of ids."""
    names = list(table.columns)
    wanted = [column] if column is None or column in names else column.split(",")
    for argument, name in (*(("column", n) for n in wanted), ("id_column", id_column)):
        if name is not None and name not in names:
            raise TableError(
                f"{file}: {argument} {name!r} is not there; present: {', '.join(names)}"
            )
    id_name = id_column or _id_name(file, [name for name in names if name not in wanted])
    rest = [name for name in names if name != id_name]
    if column is not None:
        chosen = [str(name) for name in wanted]
    elif "score" in rest or len(rest) == 1:
        chosen = ["score"] if "score" in rest else rest
    else:
        chosen = rest if seed_columns(rest) else []
        if rest and not chosen:
            raise TableError(
                f"{file}: which column holds the scores? Give "
                f"{spoken('column=', '--scores-column')}, one of {', '.join(rest)}; several with "
                "commas are seeds, whose mean is taken"
            )
    if id_name in chosen:
        raise TableError(f"{file}: column {id_name!r} cannot hold both scores and ids")
    if id_name is None and len(names) == 2 and len(chosen) == 1:
        id_name = next(name for name in names if name != chosen[0])
    return chosen, id_name


def _id_name(file: Path, names: list[str]) -> str | None:
    """The column that is called like ids; `id` before any other."""
    found = [name for name in names if is_id_name(name)]
    if "id" in names or len(found) < 2:
        return "id" if "id" in names else next(iter(found), None)
    named = [name for name in found if not name.startswith("(")]
    if len(named) == 1:  # beside the numbers of a saved pandas index
        return named[0]
    raise TableError(
        f"{file}: which column holds the ids? Give {spoken('id_column=', '--scores-id')}, one of "
        f"{', '.join(found)}"
    )


def holding(what: str) -> str:
    """How to say what a file holds, in a message."""
    return spoken(f"holds={what!r}", f"--scores-holds {what}")


def _never(end: str) -> str:
    return spoken(f"never={end!r}", f"--scores-never {end}")


def mean_of_seeds(
    columns: Sequence[Float[np.ndarray, " n"]], where: str
) -> tuple[Float[np.ndarray, " n"], str]:
    """Means over seeds, and in words how far their rankings agree.

    Raises:
        TableError: for columns that do not rank alike, or that add up to 1: no seeds of one score.
    """
    from scipy.stats import rankdata

    table = np.array(columns, dtype=np.float64)
    total = table.sum(axis=0)
    if len(table) > 1 and np.all(table >= 0) and np.ptp(total) < 1e-3 and abs(total[0] - 1) < 1e-3:
        raise TableError(
            f"{where}: {len(table)} numbers an example that add up to 1: class probabilities, and "
            "no scores; save one score an example"
        )
    ranks = np.array([rankdata(row) for row in table])
    constant = np.ptp(ranks, axis=1) == 0
    if constant.any():
        raise TableError(f"{where}: seed {int(np.flatnonzero(constant)[0])} ranks nothing")
    pairs = np.corrcoef(ranks)[np.triu_indices(len(table), 1)]
    agreement = float(pairs.mean())
    if agreement < ALIKE:
        raise TableError(
            f"{where}: {len(table)} numbers an example whose rankings do not agree (mean rank "
            f"correlation {agreement:.2g}): several scores, and not seeds of one? Save the one "
            "that is meant"
        )
    words = (
        f"mean over {len(table)} seeds, whose rankings have a mean correlation of {agreement:.3g}"
    )
    return table.mean(axis=0), words


def rows_of(array: np.ndarray, examples: int | None, where: str) -> list[np.ndarray]:
    """The seeds of a table of numbers, one a row: along its short side, or as `examples` says.

    Raises:
        TableError: where the sides do not tell which is of examples.
    """
    if 1 in array.shape:
        return [array.reshape(-1)]
    first, second = array.shape
    if examples in array.shape and first != second:
        return list(array if second == examples else array.T)
    if max(array.shape) < APART * min(array.shape):
        raise TableError(
            f"{where}: an array of {first} by {second}: which side is of examples? Say how many "
            "there are (examples=, --examples), or save one row"
        )
    return list(array if first < second else array.T)


def understood(
    values: Float[np.ndarray, " n"],
    *,
    holds: str | None,
    never: str | None,
    has_ids: bool,
    whole: bool,
    where: str,
    place: str,
) -> Numbers:
    """Finite scores of the numbers of a file.

    Args:
        holds: "scores"; "ranks", 0 the lowest score; "indices-up" or "indices-down": examples by
            number, sorted by a score that rises or falls along the file.
        never: what -1 ranks as, where it says that a thing never happened.
        whole: whether the file holds integers.
        place: names the first number, for messages.

    Raises:
        TableError: for an order of 0...n-1, different integers up to more, or -1 as the only
            negative count, where nobody says what they are.
        InputError: for a choice that is none.
    """
    said: list[str] = []
    if holds is not None:
        check_choice("holds", holds, HOLDS)
    if never is not None:
        check_choice("never", never, NEVER)
    start = _order(values)
    if holds in LISTS:
        if start is None or has_ids:
            raise TableError(
                f"{where}: holds={holds!r} needs all of 0...n-1 (or 1...n) once each, without ids"
            )
        return _sorted_list(values, start, holds)
    if start is not None and holds is None and not has_ids:
        raise TableError(
            f"{where}: an order of {start}...{start + len(values) - 1}: a rank of each example, or "
            f"a list of examples sorted by score? Say {holding('ranks')} (the largest number is "
            f"the highest score), {holding('indices-up')} or {holding('indices-down')} (examples "
            f"in the order of rising or falling score) or {holding('scores')}; "
            f"{place} has {values[0]:g}"
        )
    different = whole and values.min() >= 0.0 and len(np.unique(values)) == len(values) >= LEAST
    if start is None and holds is None and not has_ids and different:
        raise TableError(
            f"{where}: {len(values)} different integers up to {values.max():.0f}: a list of chosen "
            "examples? It ranks none. Give one score an example, or say that these are scores: "
            f"{holding('scores')}"
        )
    if start is not None and holds is None:
        said.append("the scores are ranks: the largest number is taken for the highest score")
    values, words = _with_never(values, never, where)
    said += words
    values, words = _without_infinite(values)
    return Numbers(values, (*said, *words))


def _order(values: Float[np.ndarray, " n"]) -> int | None:
    """0 or 1, where the numbers are all of 0...n-1 or of 1...n."""
    count = len(values)
    if count < LEAST or not np.isfinite(values).all() or values.min() not in (0.0, 1.0):
        return None
    start = int(values.min())
    return start if np.array_equal(np.sort(values), np.arange(start, start + count)) else None


def _sorted_list(values: Float[np.ndarray, " n"], start: int, holds: str) -> Numbers:
    """Scores that rank the examples as the list does."""
    ranks = np.empty(len(values))
    places = np.arange(len(values), dtype=np.float64)
    ranks[(values - start).astype(int)] = places if holds == "indices-up" else places[::-1]
    end = "highest" if holds == "indices-down" else "lowest"
    return Numbers(ranks, (f"a sorted list of examples: its first has the {end} score",))


def _with_never(
    values: Float[np.ndarray, " n"], never: str | None, where: str
) -> tuple[Float[np.ndarray, " n"], list[str]]:
    """Counts with -1 in the place of "never"."""
    finite = values[np.isfinite(values)]
    marks = values == -1.0
    counts = finite[finite != -1.0]
    is_mark = marks.any() and counts.size > 0 and counts.min() >= 0.0
    if not is_mark or not np.array_equal(counts, np.round(counts)):
        return values, []
    if never is None:
        raise TableError(
            f"{where}: counts, and -1 for {int(marks.sum())} examples: never (as never learned)? "
            f"Say what it ranks as: {_never('highest')} or {_never('lowest')}"
        )
    changed = np.where(marks, np.inf, values) if never == "highest" else values
    return changed, [f"-1, in {int(marks.sum())} examples, is the {never} score"]


def _without_infinite(values: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " n"], list[str]]:
    """Infinite scores as ranks beyond all others."""
    infinite = np.isinf(values)
    if not infinite.any() or infinite.all():
        return values, []
    finite = values[~infinite]
    step = max(1.0, float(np.ptp(finite)))
    changed = np.where(values == np.inf, finite.max() + step, values)
    changed = np.where(values == -np.inf, finite.min() - step, changed)
    ends = {"highest": (values == np.inf).sum(), "lowest": (values == -np.inf).sum()}
    words = [
        f"infinite scores, of {count} examples, rank {end}" for end, count in ends.items() if count
    ]
    return changed, words
