"""Widgets for a live class in a notebook: sliders, with the exact solver behind.

    from prunelaw_figures.widgets import explore_filters, explore_pruning
    explore_pruning()

They need the extra: pip install 'prunelaw[notebook]'.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelaw.errors import InputError, PrunelawError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from prunelaw.decay.utility import Pool

PICTURE_DPI = 110


def explore_pruning(
    alpha_tot: float = 3.0, f: float = 0.5, theta: float = 0.3, rule: str = "hard"
) -> Any:
    """Sliders for α_tot, f, θ and the rule; ε, the order parameters, and the four panels of
    `prunelaw_figures.plots.pruning_view`, redrawn when a slider is let go.

    Returns an `ipywidgets.VBox`, which a notebook shows; its `controls` hold the sliders by name.
    """
    from prunelaw_figures.plots.pruning_view import pruning_view

    widgets = _ipywidgets()
    controls = {
        "alpha_tot": _log_slider(widgets, "α_tot", alpha_tot, 0.1, 1000.0),
        "f": _log_slider(widgets, "kept f", f, 0.02, 1.0),
        "theta": widgets.FloatSlider(
            theta, min=0.0, max=1.4, step=0.01, description="θ, rad", continuous_update=False
        ),
        "rule": widgets.ToggleButtons(
            options=("hard", "easy", "random"), value=rule, description="keep"
        ),
    }
    return _explorer(widgets, controls, pruning_text, pruning_view)


def explore_filters(pools: "Sequence[Pool] | None" = None, samples_seen: float = 128e6) -> Any:
    """Half-life and utility of the best pool and the budget as sliders; the best filter below.

    `pools`: best to worst, as for `prunelaw.decay.filtering.best_filter`; default: the published
    ones.
    """
    from prunelaw.decay.utility import PUBLISHED
    from prunelaw_figures.plots.pools_view import pools_view

    given = tuple(pools or PUBLISHED["utility"])
    first = given[0].law
    widgets = _ipywidgets()
    controls = {
        "samples_seen": _log_slider(widgets, "budget", samples_seen, 1e7, 1e10),
        "tau": _log_slider(widgets, "τ of best", float(first.tau), 0.3, 100.0),
        "b": widgets.FloatSlider(
            float(first.b), min=-0.4, max=-0.02, step=0.005, description="b of best",
            continuous_update=False, readout_format=".3f",
        ),
    }  # fmt: skip

    def text(samples_seen: float, tau: float, b: float) -> str:
        return filter_text(changed(given, tau, b), samples_seen)

    def picture(samples_seen: float, tau: float, b: float) -> "Figure":
        return pools_view(changed(given, tau, b), samples_seen)

    return _explorer(widgets, controls, text, picture)


def changed(pools: "Sequence[Pool]", tau: float, b: float) -> "tuple[Pool, ...]":
    """The pools with another half-life and utility of the first."""
    from dataclasses import replace

    first = replace(pools[0], law=replace(pools[0].law, tau=tau, b=b))
    return (first, *pools[1:])


def pruning_text(alpha_tot: float, f: float, theta: float, rule: str) -> str:
    """One line of numbers, exact to the digits shown."""
    import prunelaw

    found = prunelaw.solve(alpha_tot, f, theta, rule)
    return (
        f"ε = {found.error:.6f}; R = {found.R:.6f}, ρ = {found.rho:.6f}, κ = {found.kappa:.6f}; "
        f"α_prune = {float(found.alpha_prune):.4g}"
    )


def filter_text(pools: "Sequence[Pool]", samples_seen: float) -> str:
    """The best union at this budget, and the switches around it."""
    from prunelaw.decay.filtering import best_filter, switch_points

    choice = best_filter(pools, samples_seen)
    switches = switch_points(pools, 1e7, 1e10)
    where = "; ".join(
        f"{s.from_pools} → {s.to_pools} at {s.samples_seen / 1e6:.0f}M" for s in switches
    )
    return (
        f"best: the first {int(choice.n_pools)} of {len(pools)} pools, "
        f"error {float(choice.error):.4f}; switches: {where or 'none'}"
    )


def _explorer(
    widgets: Any,
    controls: dict[str, Any],
    text: Callable[..., str],
    picture: Callable[..., "Figure"],
) -> Any:
    """Controls above a line of text and a picture; both follow every change of a value."""
    line, image = widgets.HTML(), widgets.Image(format="png")

    def update(_: Any = None) -> None:
        values = {name: control.value for name, control in controls.items()}
        try:
            line.value = text(**values)
            image.value = _png(picture(**values))
        except PrunelawError as error:  # said where the number would stand
            line.value = f"<b>not solved:</b> {error}"

    for control in controls.values():
        control.observe(update, names="value")
    update()
    box = widgets.VBox([*controls.values(), line, image])
    box.controls = controls
    return box


def _png(figure: "Figure") -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=PICTURE_DPI)
    return buffer.getvalue()


def _log_slider(widgets: Any, name: str, value: float, low: float, high: float) -> Any:
    if not low <= value <= high:
        raise InputError(f"{name} must be in [{low:g}, {high:g}], got {value!r}")
    return widgets.FloatLogSlider(
        value,
        base=10.0,
        min=float(np.log10(low)),
        max=float(np.log10(high)),
        step=0.01,
        description=name,
        continuous_update=False,
        readout_format=".3g",
    )


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as cause:
        raise InputError("the widgets need ipywidgets: pip install 'prunelaw[notebook]'") from cause
    return ipywidgets
