"""Files of per-example scores, read and written with their provenance.

    read_scores("el2n.csv", examples=50_000)       a line an example: id, score
    read_scores("clip.npz", high="easy")           high values mark easy examples

What high means is settled here, once.  In files HIGH = KEEP is the convention, as in the published
scores of Sorscher et al. 2022: whoever keeps the highest values follows the file.  A file of
difficulties says high = hard, one of confidences or margins high = easy.  `Scores.values` is for
`prunelaw_sim.common.kept_examples`, whose rule "hard" keeps the largest: "keep" and "hard" are read
as they are, "easy" with its sign turned.  So for a file with high = keep the rule "hard" is the
file's own advice, and "easy" its opposite.

Formats are recognised by content: CSV and TSV (a header line; before it lines `# key: value` of
provenance), and those of `arrays`: .npy, .npz, Parquet.  A file PATH.json beside PATH adds
provenance to any of them.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.checks import check_choice, check_integer, check_real
from prunelaw.errors import InputError, TableError
from prunelaw_sim.common.guarded import SYSTEM, check_header, named, read_small, regular
from prunelaw_sim.common.kept_examples import tied_count
from prunelaw_sim.common.new_file import check_new_file, write_new_file
from prunelaw_sim.common.visible import from_spreadsheet_cell, spreadsheet_cell
from prunelaw_sim.scores.arrays import ScoreTable, once, read_arrays
from prunelaw_sim.scores.contents import (
    LISTS,
    ROW,
    chosen_columns,
    holding,
    mean_of_seeds,
    rows_of,
    understood,
)

HIGH = ("keep", "hard", "easy")
LARGEST_SIDECAR = 10_000_000  # bytes
_TRUTHS = {"true": 1.0, "false": 0.0}
DELIMITERS = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of examples, HIGH = HARD, in the order of the file or of the examples asked for.

    Attributes:
        values: finite numbers.
        ids: one for each value, or None where the file has none.
        high: what high values mean in the file; "easy" is written with the sign turned back.
        said: what was made of the numbers of the file.

    Raises:
        InputError: for values that are not finite or not one for each id.
    """

    values: Float[np.ndarray, " n"]
    ids: tuple[str, ...] | None = None
    source: str = "scores"
    high: str = "keep"
    provenance: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("high", self.high, HIGH)
        check_real("values", self.values)
        if self.ids is not None and len(self.ids) != len(self.values):
            raise InputError(
                f"ids must be one for each of {len(self.values)} values, got {len(self.ids)}"
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ties(self) -> int:
        """How many examples share their value with another; a seed orders them when kept."""
        return tied_count(self.values)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user of these scores should know."""
        distinct = len(np.unique(self.values))
        if not self.ties:
            return self.said
        tied = f"{self.ties} of {len(self)} examples share their score with another"
        return (f"{tied} ({distinct} values): their order is random, by the seed", *self.said)


def read_scores(
    path: str | os.PathLike[str],
    *,
    column: str | None = None,
    id_column: str | None = None,
    high: str | None = None,
    examples: int | Sequence[str] | None = None,
    holds: str | None = None,
    never: str | None = None,
) -> Scores:
    """The scores of a file, checked.

    Args:
        column: which one holds the scores; `score`, or the only one beside the ids, if not given.
            Several with commas are seeds, whose mean is taken, as of an array of seeds.
        id_column: `id`, one called like it (`index`, `uid`, `sample_id`), a first one without a
            name, or the other one of two, if not given; "(column 1)" is one without a name.
        high: "keep", "hard" or "easy"; what the file says (`# high: hard`), else "keep".
        examples: how many there must be; or their ids, in the order that is wanted.
        holds: what an order of 0...n-1 is: "scores", "ranks" (n-1 the highest), "indices-up" or
            "indices-down" (examples in the order of rising or falling score).
        never: what -1 among counts ranks as: "highest" or "lowest".

    Booleans are a mask: True is 1.  Infinite scores rank beyond all others.  A file of uids only is
    a mask of the `examples` whose ids are given.

    Raises:
        TableError: with file, line (or index) and column, for what is no finite number, scores that
            are all equal, ids that are missing or repeated, a number of scores that is not that of
            the examples, pickles, files that unpack to too much, and what is no score file.
    """
    file = Path(path)
    table = _with_sidecar(file, _read_table(file))
    names, id_name = chosen_columns(file, table, column, id_column)
    if not names and holds in LISTS:
        names, id_name = [str(id_name)], None
    if not names:
        return _listed(file, table, str(id_name), examples)
    count = examples if examples is None or isinstance(examples, int) else len(examples)
    values, said = _values(file, table, names, count)
    kind = getattr(table.columns[names[0]], "dtype", np.dtype(object)).kind
    ids = None if id_name is None else _ids(file, table, id_name)
    found = understood(
        values,
        holds=holds,
        never=never,
        has_ids=ids is not None,
        whole=len(names) == 1 and kind in "iu",
        where=f"{file}, column {', '.join(map(repr, names))}",
        place=table.place(0),
    )
    rows = () if ids else ("the file has no ids: examples are named by their place, from 0",)
    meaning = _meaning(file, table.provenance, high)
    scores = Scores(
        -found.values if meaning == "easy" else found.values,
        ids,
        str(file),
        meaning,
        table.provenance,
        (*said, *found.said, *rows),
    )
    return _matched(file, scores, examples)


def write_scores(path: str | os.PathLike[str], scores: Scores, name: str = "path") -> None:
    """Writes a CSV or TSV file with its provenance; `read_scores` gives the same scores back.

    Without ids the column `id` counts from 0.

    Args:
        name: what errors call the path.

    Raises:
        InputError: for another ending than .csv and .tsv, a file that exists, and ids or keys of
            provenance that would not read back.
    """
    file = Path(path)
    check_score_file(name, file)
    text = io.StringIO(newline="")
    for key, value in {**scores.provenance, "high": scores.high}.items():
        if not key.strip() or ":" in key or len(key.splitlines()) > 1:
            raise InputError(f"a key of provenance must be one line without a colon, got {key!r}")
        text.write(f"# {key}: {' '.join(str(value).split())}\n")
    rows = csv.writer(text, delimiter=DELIMITERS[file.suffix], lineterminator="\n")
    rows.writerow(("id", "score"))
    values = -scores.values if scores.high == "easy" else scores.values
    ids = range(len(scores)) if scores.ids is None else scores.ids
    for text_id in scores.ids or ():
        if text_id != text_id.strip() or len(text_id.splitlines()) != 1:
            raise InputError(f"ids must be one line without outer spaces, got {text_id!r}")
    safe = (spreadsheet_cell(one) if isinstance(one, str) else one for one in ids)
    rows.writerows(zip(safe, map(repr, values.tolist()), strict=True))
    write_new_file(name, file, text.getvalue())


def check_score_file(name: str, path: str | os.PathLike[str] | None) -> None:
    """Before any work: whether scores can be written to a new file, .csv or .tsv (`InputError`)."""
    if path is not None and Path(path).suffix not in DELIMITERS:
        raise InputError(f"{name} must end in .csv or .tsv for scores, got {path}")
    check_new_file(name, path)


def _read_table(file: Path) -> ScoreTable:
    regular(file, "score file")
    with named(file, "score file", SYSTEM):
        arrays = read_arrays(file)
        return _read_text(file) if arrays is None else arrays


def _read_text(file: Path) -> ScoreTable:
    """A header line, a line an example; comment lines before the header are provenance."""
    data = file.read_bytes()
    try:
        lines = list(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as cause:
        line = data[: cause.start].count(b"\n") + 1
        raise TableError(
            f"{file}, line {line}: byte 0x{data[cause.start]:02x} is not UTF-8: no CSV or TSV "
            "file, .npy, .npz or Parquet file"
        ) from cause
    comments = next((i for i, line in enumerate(lines) if line[:1] != "#"), len(lines))
    provenance = _comments(file, lines[:comments])
    first = "".join(lines[comments : comments + 1])
    tabs = "\t" in first and (file.suffix == ".tsv" or "," not in first)
    reader = csv.reader(lines[comments:], delimiter="\t" if tabs else ",", strict=True)
    try:
        rows = [(comments + reader.line_num, row) for row in reader if row]
    except csv.Error as cause:
        raise TableError(f"{file}, line {comments + reader.line_num}: {cause}") from cause
    if not rows:
        raise TableError(f"{file}: no header line")
    header = _header(file, *rows.pop(0))
    for number, row in rows:
        if len(row) != len(header):
            raise TableError(
                f"{file}, line {number}: {len(row)} cells, the header has {len(header)}"
            )
    columns = {name: [row[i] for _, row in rows] for i, name in enumerate(header)}
    return ScoreTable(columns, provenance, [f"line {number}" for number, _ in rows])


def _header(file: Path, line: int, row: Sequence[str]) -> list[str]:
    names = [name.strip() or ROW.format(i) for i, name in enumerate(row, start=1)]
    for name in names:
        if _number(name) is not None:
            raise TableError(
                f"{file}, line {line}: {name!r} in the header is a number: the first line must "
                "name the columns, as id,score"
            )
    check_header(file, names, f", line {line}")
    return names


def _comments(file: Path, lines: Sequence[str]) -> dict[str, str]:
    """What comment lines say; two that contradict each other are refused."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        key, value = _comment(line)
        key = "high" if key.lower() == "high" else key
        if key != "comment" and found.get(key, value) != value:
            raise TableError(
                f"{file}, line {number}: {key} is {value!r}, but {found[key]!r} in a line above"
            )
        found[key] = value
    return found


def _comment(line: str) -> tuple[str, str]:
    """`# key: value`; without a colon the whole is a comment."""
    key, colon, value = line.lstrip("#").strip().partition(":")
    return (key.strip(), value.strip()) if colon else ("comment", key)


def _with_sidecar(file: Path, table: ScoreTable) -> ScoreTable:
    beside = file.with_name(f"{file.name}.json")
    if not beside.is_file():
        return table
    data = read_small(beside, LARGEST_SIDECAR, "JSON file of provenance")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as cause:
        raise TableError(f"{beside}: no JSON that can be read: {cause}") from cause
    if not isinstance(found, dict):
        raise TableError(f"{beside}: must be a JSON object of provenance")
    more = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()
    }
    for key, value in more.items():
        if table.provenance.get(key, value) != value:
            raise TableError(
                f"{beside}: {key} is {value!r}, but {file.name} says {table.provenance[key]!r}"
            )
    return table._replace(provenance={**table.provenance, **more})


def _values(
    file: Path, table: ScoreTable, names: Sequence[str], examples: int | None
) -> tuple[Float[np.ndarray, " n"], list[str]]:
    """One number an example: of the column, or the mean over seeds; and what is said of it."""
    seeds: list[np.ndarray] = []
    for name in names:
        cells = table.columns[name]
        tabular = isinstance(cells, np.ndarray) and cells.ndim == 2
        parts = rows_of(cells, examples, f"{file}, column {name!r}") if tabular else [cells]
        seeds += [_numbers(file, table, name, part) for part in parts]
    mask = ["a mask: True is 1, the higher score"] if _is_mask(table.columns[names[0]]) else []
    if len(seeds) == 1:
        return seeds[0], mask
    mean, words = mean_of_seeds(seeds, str(file))
    return mean, [*mask, words]


def _is_mask(cells: Any) -> bool:
    if isinstance(cells, np.ndarray):
        return cells.dtype.kind == "b"
    return all(str(cell).strip().lower() in _TRUTHS for cell in cells)


def _listed(
    file: Path, table: ScoreTable, id_name: str, examples: int | Sequence[str] | None
) -> Scores:
    """Scores of a file of ids only: 1 for the examples in it, 0 for the others."""
    ids = _ids(file, table, id_name)
    if examples is None or isinstance(examples, int | np.integer):
        raise TableError(
            f"{file}: a list of {len(ids)} examples by their ids, and no scores: it says which are "
            "chosen and ranks none; give the ids of all examples (examples=[...]) for a mask, or, "
            f"if it is all of them sorted by a score, {holding('indices-up')} or "
            f"{holding('indices-down')}"
        )
    inside = set(ids)
    values = np.array([float(text in inside) for text in examples])
    if len(inside - set(examples)):
        raise TableError(
            f"{file}: holds {len(inside - set(examples))} ids that are none of the "
            f"{len(examples)} examples"
        )
    said = f"a list of {len(ids)} chosen examples: 1 in it, 0 outside"
    return Scores(values, tuple(examples), str(file), "keep", table.provenance, (said,))


def _numbers(file: Path, table: ScoreTable, name: str, cells: Any) -> Float[np.ndarray, " n"]:
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind not in "biuf":
            raise TableError(f"{file}, column {name!r}: must hold numbers, got {cells.dtype}")
        values = cells.astype(np.float64)
    else:
        numbers = [_number(cell) for cell in cells]
        values = np.array([np.nan if n is None else n for n in numbers], dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values))
    if len(bad):
        where, cell = table.place(int(bad[0])), cells[int(bad[0])]
        got = repr(cell) if isinstance(cell, str) else str(cell)
        raise TableError(f"{file}, {where}, column {name!r}: must be a finite number, got {got}")
    if len(values) < 2:
        raise TableError(f"{file}, column {name!r}: {len(values)} scores; 2 or more are needed")
    if values.min() == values.max():
        raise TableError(
            f"{file}, column {name!r}: all {len(values)} scores are {values[0]:g}, from "
            f"{table.place(0)} on: a constant ranks nothing"
        )
    return values


def _number(cell: Any) -> float | None:
    """None for what is no number; float() also takes 1_000, which is a slip in a table."""
    if isinstance(cell, str) and cell.strip().lower() in _TRUTHS:
        return _TRUTHS[cell.strip().lower()]
    try:
        return None if cell is None or "_" in str(cell) else float(cell)
    except (TypeError, ValueError):
        return None


def _id(cell: Any) -> str:
    return from_spreadsheet_cell(str(cell).strip())


def _ids(file: Path, table: ScoreTable, name: str) -> tuple[str, ...]:
    ids = tuple("" if cell is None else _id(cell) for cell in table.columns[name])
    first: dict[str, int] = {}
    for position, text in enumerate(ids):
        where = f"{file}, {table.place(position)}, column {name!r}"
        if not text:
            raise TableError(f"{where}: the id is empty")
        if text in first:
            raise TableError(
                f"{where}: id {text!r} appears again, after {table.place(first[text])}"
            )
        first[text] = position
    return ids


def _meaning(file: Path, provenance: Mapping[str, str], high: str | None) -> str:
    said = provenance.get("high")
    if said is not None and said not in HIGH:
        raise TableError(f"{file}: high must be one of {', '.join(HIGH)} in the file, got {said!r}")
    if high is None:
        return said or "keep"
    check_choice("high", high, HIGH)
    if said is not None and said != high:
        raise TableError(f"{file}: high is {said!r} in the file, but {high!r} was asked for")
    return high


def _matched(file: Path, scores: Scores, examples: int | Sequence[str] | None) -> Scores:
    """The scores, checked against the number of examples or put into the order of their ids."""
    if examples is None:
        return scores
    wanted = examples if isinstance(examples, int | np.integer) else len(examples)
    check_integer("examples", wanted, 1)
    if len(scores) != wanted:
        raise TableError(f"{file}: {len(scores)} scores for {wanted} examples")
    if isinstance(examples, int | np.integer):
        return scores
    if scores.ids is None:
        raise TableError(f"{file}: no ids, so the scores cannot be put into the examples' order")
    place = {text: position for position, text in enumerate(scores.ids)}
    for text in examples:
        if text not in place:
            raise TableError(f"{file}: no score for example {text!r}")
    order = [place[text] for text in examples]
    return replace(scores, values=scores.values[order], ids=tuple(examples))
