"""Prints the tables of docs/c4.md and draws its figures: laws against 177 language models on C4.

    python docs/make_c4.py datablations_c4_val_loss.csv

The page says where the file comes from.  About a minute on two cores.
"""

import sys
from pathlib import Path

import numpy as np

from prunelaw.decay.repetition import PUBLISHED
from prunelaw_figures.plots.law_comparison import law_comparison
from prunelaw_figures.plots.rising_loss import rising_loss
from prunelaw_sim import compare_laws, read
from prunelaw_sim.fits.intervals import parameter_intervals
from prunelaw_sim.fits.rising import rising_rows
from prunelaw_sim.laws.scaling import fit_data_constrained, fit_power_law

IMAGES = Path(__file__).with_name("images")
CUTS = (1e11, 6e10, 3.3e10, 1e10)  # tokens: rows with more are predicted
MIDDLE = 3.3e10
SIMPLE = {"repeats": False, "saturates": False}
LAWS = {
    "power law in 6 N D": None,
    "Hoffmann et al.: D_eff = D": SIMPLE,
    "Muennighoff et al., refitted": {},
    "+ c R^p (N/U)^q": {**SIMPLE, "penalty": "power"},
    "+ c S(R, R*) (N/U)^q": {**SIMPLE, "penalty": "saturating"},
}
DEFAULT = ["no-decay", "utility", "effective-data", "data-constrained", "overfit", "power-law"]


def main(path: str) -> None:
    """All tables, then the figures."""
    sweep = runs(path)
    table = sweep.frame
    budgets(table)
    rising(table)
    harm(table)
    found = compare_laws(sweep, DEFAULT, hold_out_above=MIDDLE, log_error=True)
    judged(found, "Held out: more than 3.3e10 tokens")
    whole = compare_laws(sweep, DEFAULT, log_error=True)
    judged(whole, "Roll-out over all budgets")
    steps(whole)
    names = ["overfit", "data-constrained", "power-law"]
    law_comparison(found, names).savefig(IMAGES / "c4_laws.png")
    fits = {
        "Muennighoff et al., refitted": fit(table, {}, MIDDLE),
        "with the saturating penalty": fit(table, LAWS["+ c S(R, R*) (N/U)^q"], MIDDLE),
    }
    sizes = (1.41e7, 8.27e7, 6.187e8, 1.0963e9)
    rising_loss(table, fits, 1e8, sizes).savefig(IMAGES / "c4_rising.png")


def runs(path: str):
    """The table in canonical columns: a token is a sample."""
    names = {
        "samples_seen": "tokens_seen", "unique_samples": "unique_tokens", "error": "val_loss",
    }  # fmt: skip
    return read(path, mapping=names, constants={"metric": "C4 validation loss", "pool": "C4"})


def fit(table, options, cut=None):
    """One law fitted in log loss to the rows up to a cut."""
    if options is None:
        return fit_power_law(table, cut, log_error=True)
    return fit_data_constrained(table, cut, log_error=True, **options)


def budgets(table) -> None:
    """Log-RMSE of fitted and of held-out rows at several cuts."""
    print("\n| law | " + " | ".join(f"{cut:.2g}" for cut in CUTS) + " |")
    print("|---|" + "---|" * len(CUTS))
    published = []
    for cut in CUTS:
        more = table["samples_seen"] > cut
        published.append(f"{off(table.loc[~more]):.4f} / {off(table.loc[more]):.4f}")
    print("| Muennighoff et al., published | " + " | ".join(published) + " |")
    for name, options in LAWS.items():
        found = [fit(table, options, cut).log_rmse for cut in CUTS]
        cells = [f"{each['fitted']:.4f} / {each['held_out']:.4f}" for each in found]
        print(f"| {name} | " + " | ".join(cells) + " |")
    counts = [int((table["samples_seen"] <= cut).sum()) for cut in CUTS]
    print("| rows | " + " | ".join(f"{n} / {len(table) - n}" for n in counts) + " |")


def off(table) -> float:
    """Log-RMSE of the published law."""
    columns = (table[name] for name in ("samples_seen", "unique_samples", "parameters"))
    loss = PUBLISHED["muennighoff2023"].law.loss(*columns)
    return float(np.sqrt(np.mean(np.log(table["error"] / loss) ** 2)))


def rising(table) -> None:
    """Rows that no falling law fits, and what laws make of them: fits to all rows."""
    again = rising_rows(table)
    wide = rising_rows(table, sizes_too=True)
    print(f"\n{again.sum()} of {len(table)} rows lie above a shorter run, same model and data")
    print(f"{wide.sum()} lie above a run with no more tokens, unique tokens and parameters")
    part = table.loc[again]
    print(
        f"epochs {part['epochs'].min():g} to {part['epochs'].max():g}, "
        f"median {part['epochs'].median():g}; unique tokens "
        f"{part['unique_samples'].value_counts().to_dict()}; worst loss {part['error'].max():.2f}"
    )
    print("\n| law, all 177 rows | rising rows: mean log error | log-RMSE | others: log-RMSE |")
    print("|---|---|---|---|")
    for name, options in LAWS.items():
        found = fit(table, options)
        logs = np.log(table["error"] / found.predicted)
        spread = [float(np.sqrt(np.mean(logs[rows] ** 2))) for rows in (again, ~again)]
        print(f"| {name} | {logs[again].mean():+.3f} | {spread[0]:.3f} | {spread[1]:.3f} |")


def harm(table) -> None:
    """The penalty's parameters at several cuts, with profile intervals."""
    names = ["c", "q", "r_star"]
    print("\n| fitted rows | " + " | ".join(names) + " |")
    print("|---|---|---|---|")
    for cut in (None, *CUTS):
        found = fit(table, LAWS["+ c S(R, R*) (N/U)^q"], cut)
        ends = parameter_intervals(found, 0.9, names)
        cells = []
        for one in ends.values():
            high = "∞" if one.high_open else f"{one.high:.3g}"
            cells.append(f"{one.value:.3g} ({one.low:.3g} … {high})")
        print(f"| {'all' if cut is None else f'≤ {cut:.2g}'} | " + " | ".join(cells) + " |")


def judged(found, title: str) -> None:
    """Laws side by side."""
    print(f"\n{title}; best: {found.best}; not to be told from it: {found.undecided or 'none'}")
    print("\n| law | held out | p | roll-out | ΔAICc | in-sample | verdict |")
    print("|---|---|---|---|---|---|---|")
    for law in found.table.to_dict("records"):
        print(
            f"| {law['law']} | {law['held_out_rmse']:.4f} | {law['p_value']:.2g} | "
            f"{law['rollout_rmse']:.4f} | {law['delta_aicc']:.1f} | {law['in_sample_rmse']:.4f} | "
            f"{law['verdict']} |"
        )
    for remark in found.remarks:
        print(f"- {remark}")


def steps(found) -> None:
    """The roll-out, step by step."""
    wide = found.steps.pivot(index="limit", columns="law", values="rmse")
    rows = found.steps.groupby("limit")[["upper", "rows"]].first()
    names = [name for name in DEFAULT if name in wide]
    print("\n| fitted up to | predicted up to | rows | " + " | ".join(names) + " |")
    print("|---|---|---|" + "---|" * len(names))
    for limit, each in wide.iloc[1:].iterrows():  # the first has two budgets for three parameters
        cells = ["none" if np.isnan(each[name]) else f"{each[name]:.3f}" for name in names]
        upper, count = rows.loc[limit]
        print(f"| {limit:.2g} | {upper:.2g} | {count:.0f} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python docs/make_c4.py datablations_c4_val_loss.csv")
    main(sys.argv[1])
