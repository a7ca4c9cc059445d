"""One call for every law: hold it against a sweep."""

from prunelaw._checks import check_choice
from prunelaw_sim import fit_utility as utility
from prunelaw_sim.fit_pruning import PruningFit, fit_pruning
from prunelaw_sim.sweep import Sweep

LAWS = (*utility.LAWS, "pruning")


def fit(
    law: str,
    sweep: Sweep,
    *,
    convention: str = "paper",
    hold_out_above: float | int | None = None,
) -> utility.UtilityFit | PruningFit:
    """Fit "utility", "no-decay", "effective-data" or "pruning" to the runs of one group.

    `convention` is that of the utility law.  Rows with more `samples_seen` (pruning:
    `dataset_size`) than `hold_out_above` are predicted, not fitted.  Raises `InputError` for an
    unknown law or too few rows, `TableError` for a column that the law needs and the sweep lacks.

        fit("utility", read("runs.csv").select(group="ViT-B-32"), hold_out_above=2e10)
    """
    check_choice("law", law, LAWS)
    if law == "pruning":
        return fit_pruning(sweep, hold_out_above=hold_out_above)
    sweep.require("pool", "unique_samples", "samples_seen", "error")
    return utility.fit_utility(sweep.frame, law, convention, hold_out_above=hold_out_above)
