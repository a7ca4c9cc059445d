"""`prunelaw predict`: test error after pruning, from features and labels, before any training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prunelaw_figures.terminal.options import FILE, FULL, JSON, SEED, lists
from prunelaw_figures.terminal.output import Amount, NumberList, RuleList, progress_bar, say

if TYPE_CHECKING:
    import numpy as np

    from prunelaw_sim.features.predict import Prediction


@click.command()
@click.argument("features", type=FILE)
@click.option(
    "--labels", metavar="FILE|NAME", help="A file, or the column or array that holds them."
)
@click.option("--probe", type=FILE, help="Weights whose field ranks the examples.")
@click.option("--offset", type=float, default=0.0, help="Of the probe's field.")
@click.option("--scores", type=FILE, help="A score an example instead, high = hard.")
@click.option("--probe-examples", type=Amount(), help="With neither: how many train a probe.")
@click.option("--loss", default="logistic", help="Or square, hinge, squared-hinge, hard-margin.")
@click.option("--penalty", default="1", help="lambda of sum loss + lambda/2 |w|^2, or optimal.")
@click.option("--intercept/--no-intercept", default=True, help="Of the student.")
@lists("--pool", NumberList(), "Examples before pruning: 400,1600.  [all in the file]")
@lists("--keep", NumberList(), "Fractions kept.  [.1,.2,.3,.5,.7]")
@lists("--rules", RuleList(), "Keep rules.  [hard,easy,random]")
@click.option("--per-class", is_flag=True, help="Keep the same fraction of each class.")
@click.option("--clusters", default="auto", help="In each class: a number, kept, or auto.")
@click.option("--shrinkage", default="none", help="Of covariances: none, oas or a share.")
@click.option("--no-centre", is_flag=True, help="Leave the mean of the features in.")
@click.option("--check/--no-check", default=True, help="Train small pools on the spot.")
@click.option("--trials", type=int, default=10, help="Pools of each size that the check trains.")
@click.option("--out-kept", type=FILE, help="Write the rows to keep to a new .npy, .csv or .jsonl.")
@SEED
@FULL
@JSON
def command(
    features: Path,
    labels: str | None,
    probe: Path | None,
    scores: Path | None,
    out_kept: Path | None,
    no_centre: bool,
    pool: tuple[float, ...],
    keep: tuple[float, ...],
    rules: tuple[str, ...],
    **options: Any,
) -> None:
    """Test error of a linear student of what a rule keeps of FEATURES, before any training.

    \b
    Features of a frozen encoder, two classes, a probe that was trained on other examples:
      prunelaw predict X.npy --labels y.npy --probe theta.npy --penalty 1 --pool 400,1600 --keep .25
    Without a probe, one is trained on a tenth of the examples; rows to keep go to a file:
      prunelaw predict X.npy --labels y.npy --out-kept kept.npy
    A table, its labels in a column; any score, high = hard:
      prunelaw predict table.csv --labels class --scores el2n.csv --keep .2,.5

    FEATURES is .npy (read in pieces, of any float type), .npz, Parquet or a table of numbers.
    Nothing is fitted to trained students; those that --check trains stand beside the theory and say
    how far to trust it.
    """
    from prunelaw_figures.words.document import print_result
    from prunelaw_figures.words.predict import predict_blocks
    from prunelaw_sim.common.new_file import check_new_file
    from prunelaw_sim.features.files import check_kept_file
    from prunelaw_sim.features.predict import KEEP, RULES, predict

    check_new_file("--out-kept", out_kept)
    check_kept_file("--out-kept", out_kept)
    x, y = _read(features, labels)
    given = _options(probe, scores, len(y), options)
    with progress_bar("predict") as progress:
        found = predict(
            x, y, pools=[round(n) for n in pool] or None, keep=list(keep) or KEEP,
            rules=list(rules) or RULES, centred=not no_centre, progress=progress, **given,
        )  # fmt: skip
    if out_kept is not None:
        _write(out_kept, found)
    print_result(found, predict_blocks(found))


def _read(features: Path, labels: str | None) -> "tuple[np.ndarray, np.ndarray]":
    from prunelaw.errors import InputError
    from prunelaw_sim.features.files import read_features, read_labels

    in_file = labels if labels and not Path(labels).exists() else None
    x, y = read_features(features, in_file)
    if labels and in_file is None:
        y = read_labels(labels)
    elif in_file is not None and y is None:
        raise InputError(f"--labels {labels}: no such file, and {features} has no such column")
    if y is None:
        raise InputError(f"--labels must be given: {features} holds none")
    return x, y


def _options(
    probe: Path | None, scores: Path | None, count: int, options: dict[str, Any]
) -> dict[str, Any]:
    """What the options say, as `predict` takes it."""
    from prunelaw.checks import check_number
    from prunelaw_sim.features.files import read_vector
    from prunelaw_sim.scores.files import read_scores

    given = dict(options)
    if probe is not None:
        given["probe"] = read_vector(probe)
    if scores is not None:
        found = read_scores(scores, examples=count)
        given["scores"] = -found.values if found.high == "easy" else found.values
    if given["probe_examples"] is not None:
        given["probe_examples"] = round(given["probe_examples"])
    for name in ("penalty", "shrinkage", "clusters"):
        text = given[name]
        try:
            given[name] = float(text) if name != "clusters" else int(text)
        except ValueError:
            continue
    if given["penalty"] != "optimal":
        check_number("--penalty", given["penalty"], 0.0, low_open=True)
    return given


def _write(path: Path, found: "Prediction") -> None:
    from prunelaw_sim.features.files import write_kept

    best = found.best[-1] if found.best else found.unpruned[-1]
    rows = found.rows_to_keep(best)
    said = {"rule": best.rule, "keep_fraction": best.keep_fraction, "of": len(found.scores)}
    write_kept(path, rows, said | {"verdict": found.verdict}, "--out-kept")
    say(f"wrote {len(rows)} rows to {path}", err=True)
