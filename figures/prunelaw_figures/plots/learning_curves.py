"""Figure: test error against data-set size for each keep rule, theory and simulation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

import prunelaw
from prunelaw_figures.plots.entry import PRUNING, Entry, Parameters, Results, Work
from prunelaw_figures.plots.style import PAGE, RULES, label, legend, new_figure, plain_log_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw_sim.simulation.trials import Simulation


class Measured(NamedTuple):
    """What the figure shows of a simulation: mean error and its standard error."""

    alpha_tot: float
    mean: float
    stderr: float
    dim: int


def learning_curves(
    f: float,
    theta: float,
    simulations: Mapping[str, Sequence["Simulation | Measured"]],
    alpha_range: tuple[float, float] = (0.3, 30.0),
) -> "Figure":
    """ε(α_tot) at kept fraction f and probe angle θ: lines are theory, points are simulations.

    `simulations` holds, for each rule, `prunelaw_sim.simulation.trials.simulate` results at this f
    and theta, or what is kept of them.
    """
    figure, axes = new_figure(0.6 * PAGE, 3.2)
    panel = axes[0, 0]
    alphas = np.geomspace(*alpha_range, 80)
    for rule, (colour, marker) in RULES.items():
        panel.plot(alphas, prunelaw.solve(alphas, f, theta, rule).error, color=colour, lw=1.5)
        runs = simulations.get(rule, ())
        panel.errorbar(
            [run.alpha_tot for run in runs],
            [run.mean for run in runs],
            yerr=[run.stderr for run in runs],
            fmt=marker,
            color=colour,
            markersize=5,
            label=f"keep {rule}",
        )
    panel.set(xscale="log", yscale="log")
    plain_log_axis(panel.xaxis)
    plain_log_axis(panel.yaxis)
    dims = sorted({run.dim for runs in simulations.values() for run in runs})
    title = f"f = {f:g} kept, θ = {theta:g} rad"
    note = f"; points: N = {', '.join(map(str, dims))}" if dims else ""
    label(panel, "examples per dimension before pruning, α_tot", "test error ε", title + note)
    legend(panel, loc="lower left")
    return figure


# --- in the gallery -----------------------------------------------------------------------------


def _simulated(p: Parameters, work: Work) -> Results:
    from prunelaw_sim import simulate

    jobs = [(rule, alpha) for rule in RULES for alpha in p["simulated"]]
    runs = []
    for done, (rule, alpha) in enumerate(jobs):
        runs.append(
            simulate(
                alpha, p["f"], p["theta"], rule, dim=p["dim"], trials=p["trials"], seed=p["seed"]
            )
        )
        if work.progress:
            work.progress(done + 1, len(jobs))
    shape = (len(RULES), len(p["simulated"]))
    mean, stderr = (np.array([getattr(run, name) for run in runs]) for name in ("mean", "stderr"))
    return {"mean": mean.reshape(shape), "stderr": stderr.reshape(shape)}


def _draw_learning_curves(p: Parameters, found: Results) -> "Figure":
    points = {
        rule: [
            Measured(alpha, float(found["mean"][i, j]), float(found["stderr"][i, j]), p["dim"])
            for j, alpha in enumerate(p["simulated"])
        ]
        for i, rule in enumerate(RULES)
    }
    low, high = p["alpha_tot"]
    return learning_curves(p["f"], p["theta"], points, (low, high))


LEARNING = (
    "Test error ε of a max-margin student against examples per dimension before pruning, α_tot "
    "from {alpha_tot[0]:g} to {alpha_tot[1]:g}, when the fraction f = {f:g} is kept by a probe at "
    "the angle θ = {theta:g} rad from the teacher: the hardest examples (small |z|), the easiest, "
    "or random ones. Lines: theory, N → ∞. Points: students at N = {dim}, means of {trials} "
    "trials at α_tot = {simulated}, with standard errors; seed {seed}."
)
SIMULATED = {"dim": 200, "trials": 30, "seed": 7, "alpha_tot": [0.3, 30.0]}


ENTRIES = (
    Entry(
        "learning_curves",
        LEARNING,
        {"f": 0.4, "theta": 0.2, "simulated": [0.8, 1.6, 3.2, 6.4], **SIMULATED},
        _draw_learning_curves,
        _simulated,
        part=PRUNING,
    ),
    Entry(
        "learning_curves_perfect_probe",
        LEARNING,
        {"f": 0.2, "theta": 0.0, "simulated": [1.6, 3.2, 6.4, 12.8], **SIMULATED},
        _draw_learning_curves,
        _simulated,
        part=PRUNING,
    ),
)
