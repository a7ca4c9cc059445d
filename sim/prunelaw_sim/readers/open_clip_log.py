"""OpenCLIP's training script: `results.jsonl`, an evaluation a line."""

import re
from pathlib import Path

from prunelaw_sim.readers._cells import Cells
from prunelaw_sim.readers._files import files_in, head_text, place, run_name, text_lines
from prunelaw_sim.readers.jsonl import object_of
from prunelaw_sim.tables.assemble import FileRows

MEASURED = re.compile(r'"(?:[\w-]+-zeroshot-val-top\d|clip_val_loss|image_to_text_R@1)"')
NO_MEASUREMENT = ("epoch", "num_samples", "run")


def claims(path: Path) -> str:
    """JSON lines with epoch and a zero-shot accuracy or the validation loss."""
    found = files_in(path, _is_log)
    return f"{found[0].name} has epoch and OpenCLIP's measurements" if found else ""


def read(path: Path) -> FileRows:
    """A row an evaluation; a run is called after the folder above `checkpoints`.

    `num_samples` counts the samples of the evaluation, and is not used.

    Raises:
        TableError: naming file and line.
    """
    cells = Cells()
    for file in files_in(path, _is_log):
        inside = file.resolve().parent.name == "checkpoints" and file.parent != path
        run = run_name(file.parent if inside else file, path)
        for line, text in enumerate(text_lines(file), start=1):
            if text.strip():
                where = place(file, path, str(line) if path.is_file() else f"line {line}")
                cells.add(where, {"run": run, **object_of(text, file, line)})
    measured = tuple(name for name in cells.header if name not in NO_MEASUREMENT)
    return FileRows(
        cells.frame(), {"run": "run", "epochs": "epoch"}, measured,
        row="line" if path.is_file() else "in", points="final",
    )  # fmt: skip


def _is_log(file: Path) -> bool:
    first = head_text(file).lstrip().partition("\n")[0]
    return first.startswith("{") and '"epoch"' in first and bool(MEASURED.search(first))
