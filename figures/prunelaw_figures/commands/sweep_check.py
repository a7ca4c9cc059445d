"""`prunelaw sweep-check`: what is understood of a file of runs, what was dropped, and why."""

from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.reading_options import asked, reading_options

if TYPE_CHECKING:
    from prunelaw_sim.tables.assemble import Reading


@click.command()
@click.argument("table")
@reading_options
@click.option("--save-mapping", metavar="FILE", help="Write a mapping file, for --mapping.")
@click.option("--output", metavar="FILE", help="Write the runs, in canonical columns, as CSV.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    table: str, save_mapping: str | None, output: str | None, as_json: bool, **about: Any
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

    for option, path in (("--save-mapping", save_mapping), ("--output", output)):
        check_new_file(option, path)
    found = examine(table, mapping=asked(**about))
    _write(found, save_mapping, output)
    said = account(found)
    print_result(said, account_blocks(said), as_json)


def _write(found: "Reading", save_mapping: str | None, output: str | None) -> None:
    if save_mapping:
        found.mapping.updated(format=found.format).save(save_mapping, "--save-mapping")
        click.echo(f"wrote {save_mapping}", err=True)
    if output:
        found.sweep.to_csv(output, "--output")
        click.echo(f"wrote {output}", err=True)
