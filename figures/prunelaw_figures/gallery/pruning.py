"""Gallery: what the pruned perceptron's theory says, and its simulation (Sorscher et al. 2022)."""

from typing import TYPE_CHECKING, Any

import numpy as np

from prunelaw.errors import ConvergenceError
from prunelaw_figures.gallery.entry import Entry, Parameters, Results, Work

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLAIN = ("hard", "easy", "random")
ANGLES = [0.0, 5.0, 10.0, 20.0, 30.0]  # degrees


def _grid(ends: Any) -> np.ndarray:
    """[low, high, count] as numbers in equal ratios."""
    return np.geomspace(ends[0], ends[1], int(ends[2]))


def _solved(what: str, converged: Any) -> None:
    bad = int(np.size(converged) - np.sum(converged))
    if bad:
        raise ConvergenceError(f"{what}: {bad} of {np.size(converged)} points were not solved")


# --- learning curves --------------------------------------------------------------------------


def _simulated(p: Parameters, work: Work) -> Results:
    from prunelaw_sim import simulate

    jobs = [(rule, alpha) for rule in PLAIN for alpha in p["simulated"]]
    runs = []
    for done, (rule, alpha) in enumerate(jobs):
        runs.append(
            simulate(
                alpha, p["f"], p["theta"], rule, dim=p["dim"], trials=p["trials"], seed=p["seed"]
            )
        )
        if work.progress:
            work.progress(done + 1, len(jobs))
    shape = (len(PLAIN), len(p["simulated"]))
    mean, stderr = (np.array([getattr(run, name) for run in runs]) for name in ("mean", "stderr"))
    return {"mean": mean.reshape(shape), "stderr": stderr.reshape(shape)}


def _draw_learning_curves(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.learning_curves import Measured, learning_curves

    points = {
        rule: [
            Measured(alpha, float(found["mean"][i, j]), float(found["stderr"][i, j]), p["dim"])
            for j, alpha in enumerate(p["simulated"])
        ]
        for i, rule in enumerate(PLAIN)
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


# --- best fraction and frontier ---------------------------------------------------------------


def _best_fractions(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.frontier import best_fraction

    alpha, angles = _grid(p["alpha_prune"]), np.radians(p["degrees"])
    found = best_fraction(None, alpha[None], angles[:, None], "hard", p["f_range"])
    _solved("best fraction", found.converged)
    unpruned = prunelaw.solve(alpha, 1.0, 0.0, "random").error
    at_low_end = np.asarray(found.at_end == "low")
    return {"f": found.f, "error": found.error, "unpruned": unpruned, "at_low_end": at_low_end}


def _draw_best_fractions(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.optimal_fraction import optimal_fraction

    alpha = _grid(p["alpha_prune"])
    return optimal_fraction(alpha, p["degrees"], **found)


def _frontiers(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.frontier import pareto

    alpha, angles = _grid(p["alpha_prune"]), np.radians(p["degrees"])
    found = pareto(alpha[None], angles[:, None], p["f_range"], ("hard",))
    _solved("frontier", found.converged)
    f = np.array(p["fractions"])[:, None]
    fixed = prunelaw.solve(alpha[None] / f, f, 0.0, "hard").error
    unpruned = prunelaw.solve(alpha, 1.0, 0.0, "random").error
    return {"error_at_f": fixed, "frontier": found.error, "unpruned": unpruned}


def _draw_frontiers(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.pareto_frontier import pareto_frontier

    alpha = _grid(p["alpha_prune"])
    return pareto_frontier(
        alpha, p["fractions"], found["error_at_f"], p["degrees"], found["frontier"],
        found["unpruned"],
    )  # fmt: skip


# --- switch, information, bands ---------------------------------------------------------------


def _switches(p: Parameters, work: Work) -> Results:
    from prunelaw.pruning.frontier import switch

    found = switch(np.radians(p["degrees"])[:, None], _grid(p["f"])[None], "easy", "hard")
    _solved("switch", found.converged)
    return {"alpha_tot": found.alpha_tot}


def _draw_switches(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.switch_curve import switch_curve

    return switch_curve(_grid(p["f"]), p["degrees"], found["alpha_tot"])


def _nats(p: Parameters, work: Work) -> Results:
    from prunelaw.students.gibbs import gibbs

    alpha = _grid(p["alpha_prune"])
    f = np.array([1.0, *p["hard"], *p["easy"]])[:, None]
    names = ["random"] + ["hard"] * len(p["hard"]) + ["easy"] * len(p["easy"])
    found = gibbs(alpha[None] / f, f, np.array(names)[:, None])
    return {"nats": found.information, "error": found.error}


def _draw_nats(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.information import information

    kept = [f"keep {rule}, f = {f:g}" for rule in ("hard", "easy") for f in p[rule]]
    alpha = _grid(p["alpha_prune"])
    return information(alpha, ["unpruned", *kept], found["nats"], found["error"])


def _bands(p: Parameters, work: Work) -> Results:
    import prunelaw
    from prunelaw.pruning.band import best_band

    alpha, angles = _grid(p["alpha_tot"])[None], np.array(p["theta"])[:, None]
    found = best_band(alpha, p["f"], angles)
    _solved("best band", found.converged)
    plain = {f"error_{r}": prunelaw.solve(alpha, p["f"], angles, r).error for r in PLAIN}
    high = np.where(found.at_end == "easy", np.inf, found.high)
    return {"low": found.low, "high": high, "error_band": found.error, **plain}


def _draw_bands(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.band_edges import band_edges

    errors = {rule: found[f"error_{rule}"] for rule in (*PLAIN, "band")}
    alpha = _grid(p["alpha_tot"])
    return band_edges(alpha, p["theta"], p["f"], found["low"], found["high"], errors)


def _nothing(p: Parameters, work: Work) -> Results:
    """The figure is drawn from closed forms or quick solves: there is nothing to keep."""
    return {}


def _draw_capacity(p: Parameters, found: Results) -> "Figure":
    from prunelaw_figures.plots.capacity import capacity

    low, high = p["alpha_prune"]
    return capacity(p["fractions"], (low, high))


# --- phase diagrams ---------------------------------------------------------------------------


def _plane(p: Parameters) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    if "theta_range" in p:
        return ("alpha_tot", _grid(p["alpha_tot"])), ("theta", np.linspace(*p["theta_range"]))
    return ("alpha_tot", _grid(p["alpha_tot"])), ("f", _grid(p["f_range"]))


def _phases(p: Parameters, work: Work) -> Results:
    from prunelaw.pruning.phase import phase_diagram

    x, y = _plane(p)
    found = phase_diagram(x, y, theta=p.get("theta"), f=p.get("f"), progress=work.progress)
    _solved("phase diagram", found.converged)
    return {rule: error.astype(np.float32) for rule, error in found.error.items()}


def _draw_phases(p: Parameters, found: Results) -> "Figure":
    from prunelaw.pruning.phase import PhaseDiagram
    from prunelaw_figures.plots.phase_map import phase_map

    (x_name, x), (y_name, y) = _plane(p)
    errors = {rule: error.astype(np.float64) for rule, error in found.items()}
    unknown = np.full((len(y), len(x)), np.nan)  # the edges of bands are not drawn
    fixed = {name: p[name] for name in ("theta", "f") if name in p}
    solved = np.ones(unknown.shape, bool)
    return phase_map(PhaseDiagram(x_name, y_name, x, y, fixed, errors, unknown, unknown, solved))


PHASES = (
    "Left: which keep rule has the least test error; band (keep low < |z| < high, the best such "
    "band) counts only where it gains more than 1 %. Right: gain 1 − ε/ε_random of the best rule "
    "over random keeping. Dashed, where f is an axis: α_prune = f α_tot = 2. "
)


ENTRIES = (
    Entry(
        "learning_curves",
        LEARNING,
        {"f": 0.4, "theta": 0.2, "simulated": [0.8, 1.6, 3.2, 6.4], **SIMULATED},
        _simulated,
        _draw_learning_curves,
    ),
    Entry(
        "learning_curves_perfect_probe",
        LEARNING,
        {"f": 0.2, "theta": 0.0, "simulated": [1.6, 3.2, 6.4, 12.8], **SIMULATED},
        _simulated,
        _draw_learning_curves,
    ),
    Entry(
        "optimal_fraction",
        "Keep-hard at a fixed number of kept examples per dimension, α_prune from "
        "{alpha_prune[0]:g} to {alpha_prune[1]:g} ({alpha_prune[2]:g} points), for probes at "
        "θ = {degrees} degrees from the teacher. Left: the fraction f of least test error within "
        "[{f_range[0]:g}, {f_range[1]:g}]; α_tot = α_prune/f grows as f falls. Right: its error "
        "over that of as many unpruned examples. Faint: the best f lies at the low end of the "
        "range, and would fall with it.",
        {"alpha_prune": [0.5, 200.0, 61], "degrees": ANGLES, "f_range": [0.01, 1.0]},
        _best_fractions,
        _draw_best_fractions,
    ),
    Entry(
        "pareto_frontier",
        "Test error ε against kept examples per dimension, α_prune from {alpha_prune[0]:g} to "
        "{alpha_prune[1]:g} ({alpha_prune[2]:g} points). Left: keep-hard with a perfect probe at "
        "f = {fractions}, and their frontier. Right: the frontier, the least ε over f in "
        "[{f_range[0]:g}, {f_range[1]:g}] with keep-hard, f = 1 included, for probes at "
        "θ = {degrees} degrees. Dotted: unpruned data, which fall as 1/α. Below f = "
        "{f_range[0]:g} the frontier of θ = 0 would go on falling: it belongs to this range of f.",
        {
            "alpha_prune": [0.5, 200.0, 61],
            "fractions": [0.5, 0.2, 0.1, 0.05, 0.02, 0.01],
            "degrees": ANGLES,
            "f_range": [0.01, 1.0],
        },
        _frontiers,
        _draw_frontiers,
    ),
    Entry(
        "switch_curve",
        "Examples per dimension before pruning, α_tot, above which keeping the hardest fraction f "
        "has a lower test error than keeping the easiest; f from {f[0]:g} to {f[1]:g} ({f[2]:g} "
        "points), probes at θ = {degrees} degrees from the teacher.",
        {"f": [0.05, 0.9, 61], "degrees": [0.0, 5.0, 10.0, 20.0]},
        _switches,
        _draw_switches,
    ),
    Entry(
        "information",
        "Gibbs student (drawn from the version space), perfect probe θ = 0: information of one "
        "more kept example, −ds/dα_prune in nats, and test error, against kept examples per "
        "dimension, α_prune from {alpha_prune[0]:g} to {alpha_prune[1]:g} ({alpha_prune[2]:g} "
        "points). Unpruned data; keep-hard at f = {hard}; keep-easy at f = {easy}. Both order "
        "parameters q and R are solved for (the published formula sets q = R).",
        {"alpha_prune": [0.05, 100.0, 121], "hard": [0.5, 0.2, 0.05], "easy": [0.5]},
        _nats,
        _draw_nats,
    ),
    Entry(
        "phase_keep",
        PHASES + "Over α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} and f from {f_range[0]:g} "
        "to {f_range[1]:g}, {alpha_tot[2]:g} × {f_range[2]:g} points; probe at θ = {theta:g} rad.",
        {"alpha_tot": [0.5, 500.0, 64], "f_range": [0.02, 0.9, 64], "theta": 0.3},
        _phases,
        _draw_phases,
    ),
    Entry(
        "phase_probe",
        PHASES + "Over α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} and the probe's angle θ "
        "from {theta_range[0]:g} to {theta_range[1]:g} rad, {alpha_tot[2]:g} × {theta_range[2]:g} "
        "points; the fraction f = {f:g} is kept.",
        {"alpha_tot": [1.0, 1000.0, 48], "theta_range": [0.02, 1.5, 48], "f": 0.2},
        _phases,
        _draw_phases,
    ),
    Entry(
        "band_edges",
        "The best band low < |z| < high that keeps f = {f:g}, against examples per dimension, "
        "α_tot from {alpha_tot[0]:g} to {alpha_tot[1]:g} ({alpha_tot[2]:g} points), for probes at "
        "θ = {theta} rad. Above: its edges; from 0 it is keep-hard, without an upper edge "
        "keep-easy. Below: test error of the best band and of the plain rules.",
        {"alpha_tot": [1.0, 1000.0, 91], "theta": [0.1, 0.3, 0.6], "f": 0.2},
        _bands,
        _draw_bands,
    ),
    Entry(
        "capacity",
        "The sharp change of keep-hard with a perfect probe (θ = 0) at the perceptron's capacity, "
        "α_prune = 2 (dashed), as f → 0: f = {fractions}, α_prune from {alpha_prune[0]:g} to "
        "{alpha_prune[1]:g}. Left: test error; right: ε/f, on which the lines of small f meet.",
        {"fractions": [0.3, 0.1, 0.03, 0.01, 0.001], "alpha_prune": [0.5, 8.0]},
        _nothing,
        _draw_capacity,
    ),
)  # fmt: skip
