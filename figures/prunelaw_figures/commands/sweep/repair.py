"""`prunelaw sweep repair`: drops what is damaged in a store, so that the sweep can go on."""

import shlex
from pathlib import Path

import click

from prunelaw_figures.terminal.options import JSON
from prunelaw_figures.terminal.output import progress_bar
from prunelaw_figures.terminal.sweep_output import STORE
from prunelaw_figures.words.document import Text, print_result


@click.command()
@STORE
@JSON
def repair(store: Path) -> None:
    """Drops what is damaged in STORE, says what, and keeps the file as it was as STORE.damaged.

    \b
    prunelaw sweep repair runs.db
    prunelaw sweep run runs.db                   measures again what was dropped

    In a store of an older version, whose design is under no checksum, one trial of each point is
    measured again, must give the number that is stored, and the design gets its checksum.
    """
    from prunelaw_sim.sweeps.repair import repair_store

    with progress_bar("proving the design") as progress:
        found = repair_store(store, progress)
    values = {
        "store": str(store),
        "damaged": list(found.damaged),
        "kept": found.kept,
        "units": found.total,
        "copy": found.copy and str(found.copy),
        "signed": found.signed,
        "unproved": found.unproved,
    }
    told = [f"damaged: {what}" for what in found.damaged] or ["nothing is damaged"]
    if found.signed:
        told.append("the design was proved, and is under a checksum now")
    if found.unproved:
        told.append(f"the design stays without a checksum: {found.unproved}")
    if found.copy:
        told.append(f"{store} holds {found.kept} whole units; the old file is {found.copy}")
    if found.kept < found.total:
        run = f"prunelaw sweep run {shlex.quote(str(store))}"
        told.append(f"units missing: {found.total - found.kept}; `{run}` measures them")
    print_result(values, map(Text, told))
