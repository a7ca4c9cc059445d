"""`prunelaw phase-diagram`: which keep rule wins where, as data and as a picture."""

from pathlib import Path

import click

from prunelaw_figures.terminal.options import DEGREES, FILE, JSON, complete, radians
from prunelaw_figures.terminal.output import NameList, progress_bar, say, worker_processes
from prunelaw_figures.words.document import Text, print_result

MANY_POINTS = 8_000  # from here on, starting processes pays
AXES = ("alpha_tot", "alpha_prune", "f", "theta")


class Axis(click.ParamType):
    """`alpha_tot=1:1000:64`: a name and LOW:HIGH:COUNT; loads and f in equal ratios, theta in
    equal steps.
    """

    name = "name=low:high:count"

    def convert(self, value, param, ctx):
        """(name, low, high, count), or click's complaint."""
        name, _, text = str(value).partition("=")
        parts = text.split(":")
        try:
            low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
        except (ValueError, IndexError):
            self.fail(f"{value!r} is not like alpha_tot=1:1000:64", param, ctx)
        if name not in AXES or len(parts) != 3:
            self.fail(f"{value!r}: the name must be one of {', '.join(AXES)}", param, ctx)
        return name, low, high, count


@click.command()
@click.option("--x", type=Axis(), required=True, help="alpha_tot or alpha_prune, as NAME=L:H:N.")
@click.option("--y", type=Axis(), required=True, help="f or theta, as NAME=LOW:HIGH:COUNT.")
@click.option("--theta", type=float, help="Angle of probe and teacher if y is f; radians.")
@click.option("--keep", type=float, help="Fraction KEPT if y is theta; f in (0, 1).")
@DEGREES
@click.option(
    "--rule",
    "--rules",
    "rules",
    type=NameList(),
    default="hard,easy,random,band",
    shell_complete=complete(lambda: ["hard", "easy", "random", "band"]),
    help="Rules to compare; band is the best band of |z|.",
)
@click.option(
    "--out",
    type=FILE,
    default="phase-diagram",
    help="Files are OUT.npz (data) and OUT.png, OUT.svg, or one picture OUT if it ends in .png, "
    ".svg or .pdf; OUT.partial.npz while it runs.",
)
@click.option("--format", "formats", type=NameList(), help="Of pictures: png, svg, pdf.  [png,svg]")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that share the work; all cores from 8000 points on, else 1.",
)
@JSON
def command(
    x: tuple[str, float, float, int],
    y: tuple[str, float, float, int],
    theta: float | None,
    keep: float | None,
    degrees: bool,
    rules: tuple[str, ...],
    out: Path,
    formats: tuple[str, ...] | None,
    workers: int | None,
) -> None:
    """Best keep rule, its error and its gain over a plane of parameters.

    \b
    How much to keep, with a probe 0.3 rad off:
      prunelaw phase-diagram --x alpha_tot=0.5:500:64 --y f=0.02:0.9:64 --theta 0.3
    How good the probe must be to keep a fifth:
      prunelaw phase-diagram --x alpha_tot=1:1000:48 --y theta=0:1.5:48 --keep 0.2 --out probe

    Results are saved after each block of points: interrupted, the same command goes on where it
    was. A finished file is never overwritten. Exit code 1 if a point could not be solved; it is
    then empty in the picture, NaN in the data.
    """
    from prunelaw.errors import InputError
    from prunelaw.pruning.phase import OtherGridError, phase_diagram
    from prunelaw_figures.plots.phase_map import phase_map
    from prunelaw_figures.plots.style import encoded, style_sheet
    from prunelaw_figures.terminal.phase_store import PhaseStore
    from prunelaw_sim.common.threads import cores

    store = PhaseStore.at(out, formats)
    if theta is not None:
        theta = float(radians(theta, degrees))
    axes = [_values(axis, degrees) for axis in (x, y)]
    if min(len(values) for _, values in axes) < 2:
        raise InputError("--x and --y must have a COUNT of at least 2: one point is no grid")
    done = store.partial()
    if done is not None:
        say(f"going on from {store.partial_file}", err=True)
    if workers is None:
        workers = cores() if len(axes[0][1]) * len(axes[1][1]) >= MANY_POINTS else 1
    try:
        with worker_processes(workers) as pool, progress_bar("Phase diagram") as progress:
            diagram = phase_diagram(
                axes[0], axes[1], theta=theta, f=keep, rules=list(rules),
                done=done, save=store.save_partial, progress=progress, executor=pool,
            )  # fmt: skip
    except OtherGridError as cause:
        raise store.of_another() from cause
    with style_sheet():
        figure = phase_map(diagram)
        files = store.finish(diagram, {kind: encoded(figure, kind) for kind in store.formats})
    failed = int((~diagram.converged).sum())
    shares = _shares(diagram)
    values = {
        "files": files,
        "points": diagram.converged.size,
        "failed": failed,
        "rules": list(diagram.rules),
        "fixed": dict(diagram.fixed),
        "share_best": shares,
    }
    of = f"% of {diagram.converged.size} points"
    told = [f"{rule:8s} best at {100 * share:.1f} {of}" for rule, share in shares.items()]
    print_result(values, map(Text, [*told, "wrote " + ", ".join(files)]))
    if failed:
        raise click.ClickException(f"{failed} points were not solved; they are NaN in the data")


def _values(axis: tuple[str, float, float, int], degrees: bool):
    """(name, values) of an axis given on the command line."""
    import numpy as np

    from prunelaw.checks import check_integer, check_real

    name, low, high, count = axis
    check_integer(f"count of {name}", count, 1)
    if name == "theta":
        return name, radians(np.linspace(low, high, count), degrees)
    check_real(f"lower end of {name}", low, 0.0, low_open=True)
    check_real(f"upper end of {name}", high, low, low_open=count > 1)
    if name == "f":
        check_real("upper end of f", high, 0.0, 1.0, high_open=True)
    return name, np.geomspace(low, high, count)


def _shares(diagram) -> dict[str, float]:
    """Rule → share of the points where it is best."""
    best = diagram.best
    return {rule: float((best == i).mean()) for i, rule in enumerate(diagram.rules)}
