"""Writes docs/examples/pruned_digits.csv: a small sweep of pruned digits, a row a student.

    python docs/make_pruned_digits.py docs/examples

Real runs, made here: even or odd digit, linear students at hard margin
(`prunelaw_sim.studies.digits`).
"""

import sys
from pathlib import Path

from prunelaw_sim.studies.digits import digits_pruning_sweep

KEPT = ["run", "dataset_size", "keep_fraction", "rule", "error", "metric", "seed", "theta"]


def main(folder: Path) -> None:
    """A new file; errors are counts of 400 test images, so that four decimals are exact."""
    frame = digits_pruning_sweep(quick=True).frame[KEPT]
    with open(folder / "pruned_digits.csv", "x", encoding="utf-8", newline="") as file:
        frame.to_csv(file, index=False, lineterminator="\n", float_format="%.6g")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
