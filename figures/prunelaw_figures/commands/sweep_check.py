"""`prunelaw sweep-check`: what is understood of a file of runs, what was dropped, and why."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from prunelaw_figures.terminal.options import JSON, out_option, reading_options
from prunelaw_figures.terminal.output import say

if TYPE_CHECKING:
    from prunelaw_sim.tables.mapping import ColumnMapping


@click.command()
@click.argument("table")
@reading_options
@click.option("--save-mapping", metavar="FILE", help="Write a mapping file, for --mapping.")
@out_option("Write the runs, in canonical columns, as CSV.")
@JSON
def command(
    table: str, mapping: "ColumnMapping", save_mapping: str | None, output: Path | None
) -> None:
    """Read TABLE, a file or folder of runs, and say what was understood and what was not.

    \b
    CSV, TSV, Parquet, JSON lines, OpenCLIP's scaling files, evaluations by CLIP-benchmark and
    DataComp, Trainer states, Lightning, TensorBoard, MLflow and Weights & Biases; found by content.
      prunelaw sweep-check runs.csv --map error=val_err --constant pool=web
      prunelaw sweep-check lightning_logs/ --metric val_acc --batch-size 256
      prunelaw sweep-check runs/ --format tensorboard --metric val/acc \\
          --from-run '{pool}_{unique_samples}_s{seed}' --batch-size 1024 --save-mapping tb.toml
      prunelaw fit runs/ --mapping tb.toml --law utility

    \b
    Warm-up cut off, whole curves, accuracies in per cent:
      prunelaw sweep-check export.csv --warmup '500 steps' --points all --units percent

    Existing files are never overwritten.
    """
    from prunelaw_figures.words.account import account_blocks
    from prunelaw_figures.words.document import print_result
    from prunelaw_sim.common.new_file import check_new_file
    from prunelaw_sim.laws.allowed import account
    from prunelaw_sim.readers import examine

    for option, path in (("--save-mapping", save_mapping), ("--out", output)):
        check_new_file(option, path)
    found = examine(table, mapping=mapping)
    if save_mapping:
        found.mapping.updated(format=found.format).save(save_mapping, "--save-mapping")
    if output:
        found.sweep.to_csv(output, "--out")
    for path in filter(None, (save_mapping, output)):
        say(f"wrote {path}", err=True)
    said = account(found)
    print_result(said, account_blocks(said))
