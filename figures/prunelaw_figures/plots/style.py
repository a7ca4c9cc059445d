"""One look for all figures: colour-blind-safe colours, sizes for print, names of the axes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

# Okabe and Ito's palette: told apart in every common form of colour blindness, and in grey.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "black": "#000000",
}
# Colour and marker both tell the rule: one of them survives a grey print.
RULES: Mapping[str, tuple[str, str]] = {
    "hard": (COLOURS["vermilion"], "o"),
    "easy": (COLOURS["blue"], "s"),
    "random": (COLOURS["black"], "^"),
}
SERIES = tuple(COLOURS.values())
# With a dash for each colour, lines can be told apart in grey, too.
DASHES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (10, 3)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#666666"
COLUMN = 3.4  # width of one printed column, inches
PAGE = 7.0  # width of the page
DPI = 200
PLAIN = (1.0, 2.0, 5.0)  # numbers of each decade that an axis shows
# A ring around the point that a figure is about.
RING: Mapping[str, Any] = {
    "marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": "none",
    "markeredgecolor": COLOURS["purple"], "markeredgewidth": 2, "zorder": 5,
}  # fmt: skip
# What else would make the same figure other bytes: names of programs and dates in the files.
FORMATS: Mapping[str, Mapping[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
# Fixed names of elements, and TrueType in PDF.
_RC: dict[Any, Any] = {"svg.hashsalt": "prunelaw", "pdf.fonttype": 42}


@contextmanager
def style_sheet() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own settings are; restored at the end."""
    import matplotlib.style

    with matplotlib.style.context("default", after_reset=True), matplotlib.rc_context(_RC):
        yield


def encoded(figure: Figure, file_format: str, dpi: int = DPI) -> bytes:
    """The figure as a png, svg or pdf file: the same figure gives the same bytes.

    To be called, like the function that drew it, inside `style_sheet`.  Raises `InputError`.
    """
    from prunelaw.checks import check_choice

    check_choice("format", file_format, FORMATS)
    for text in figure.findobj(Text):
        _as_it_is(text)
    buffer = BytesIO()
    figure.savefig(buffer, format=file_format, dpi=dpi, metadata=dict(FORMATS[file_format]))
    return buffer.getvalue()


def _as_it_is(text: Any) -> None:
    """A name from a file is no formula and no control character."""
    from prunelaw_sim.common.visible import visible

    words = text.get_text()
    # Numbers of logarithmic axes are formulas, and empty until they are drawn.
    if words and "mathdefault" not in words:
        text.set_parse_math(False)
        text.set_text(visible(words, "\n"))


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure without pyplot, and its axes as an array of shape (rows, columns)."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for one in axes.flat:
        dress(one)
    return figure, axes


def dress(axes: Axes) -> None:
    """Two spines, small ticks, 8-point text, and a faint grid behind the data."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, length=3)
    axes.grid(True, color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)


def label(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Axis names, with their units, and a left-aligned title."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    if title:
        axes.set_title(title, fontsize=9, loc="left")


def plain_log_axis(axis: Any, steps: Sequence[float] = PLAIN) -> None:
    """20, 50, 100 in place of powers of ten, for data that span a decade or two.

    `steps` are the numbers of each decade that are written: (1,) for a narrow panel.
    """
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def log_log(axes: Axes, x: Sequence[float] = PLAIN, y: Sequence[float] = PLAIN) -> None:
    """Two logarithmic axes in plain numbers; () leaves powers of ten."""
    axes.set(xscale="log", yscale="log")
    for axis, steps in ((axes.xaxis, x), (axes.yaxis, y)):
        if steps:
            plain_log_axis(axis, steps)


def draw_lines(axes: Axes, x: Any, rows: Any, names: Sequence[str], **look: Any) -> None:
    """One line a row, with its name, told apart by colour and dash."""
    for row, name, colour, dash in zip(rows, names, SERIES, DASHES, strict=False):
        axes.plot(x, row, color=colour, linestyle=dash, label=name, **look)


def series_look(i: int) -> tuple[str, str]:
    """Colour and marker of the i-th of several series."""
    return SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]


def draw_points(axes: Axes, x: Any, y: Any, hollow: Any, name: str, **look: Any) -> None:
    """Markers with a name; those of the mask `hollow` are open and have none."""
    x, y, hollow = (np.asarray(values) for values in (x, y, hollow))
    axes.plot(x[~hollow], y[~hollow], label=name, **look)
    axes.plot(x[hollow], y[hollow], fillstyle="none", **look)


def draw_measured(axes: Axes, x: Any, y: Any, se: Any, hollow: Any, name: str, **look: Any) -> None:
    """Markers with bars of ± one standard error; filled and hollow as in `draw_points`."""
    x, y, se, hollow = (np.asarray(values) for values in (x, y, se, hollow))
    look = {"markersize": 4, "elinewidth": 0.8, "linestyle": "none", **look}
    axes.errorbar(x[~hollow], y[~hollow], yerr=se[~hollow], label=name, **look)
    axes.errorbar(x[hollow], y[hollow], yerr=se[hollow], fillstyle="none", **look)


def name_line(axes: Axes, x: float, text: str) -> None:
    """A small text upwards along a vertical line, at the top of the panel."""
    look = {"rotation": 90, "va": "top", "ha": "right", "fontsize": 7, "color": GREY}
    axes.annotate(text, (x, 0.98), xycoords=("data", "axes fraction"), **look)


def share_y(panels: Any, columns: int | None = None) -> None:
    """One logarithmic scale for all panels in plain numbers, written in the first of each row.

    `columns`: panels of a row; default: all are one row.
    """
    low = min(panel.get_ylim()[0] for panel in panels)
    high = max(panel.get_ylim()[1] for panel in panels)
    for i, panel in enumerate(panels):
        panel.set_ylim(low, high)
        plain_log_axis(panel.yaxis)
        if i % (columns or len(panels)):
            panel.set_ylabel("")
            panel.tick_params(labelleft=False)


def legend(axes: Axes, **options: Any) -> None:
    """A legend without a frame, in 8-point text."""
    axes.legend(fontsize=options.pop("fontsize", 8), frameon=False, **options)


def legend_below(figure: Figure, axes: Axes, columns: int, **options: Any) -> None:
    """The legend of one panel for the whole figure, under it."""
    look = {"loc": "outside lower center", "fontsize": 8, "frameon": False, **options}
    figure.legend(*axes.get_legend_handles_labels(), ncols=columns, **look)


def save(figure: Figure, path: str | Path, name: str = "path") -> None:
    """Writes the figure as a new PNG; `name`: what errors call the path.  Raises `InputError`."""
    from prunelaw_sim.common.new_file import write_new_file

    write_new_file(name, path, encoded(figure, "png"))
