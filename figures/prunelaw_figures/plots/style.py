"""One look for all figures: colour-blind-safe colours, sizes for print, names of the axes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
# What else would make the same figure other bytes: names of programs and dates in the files.
FORMATS: Mapping[str, Mapping[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
_RC: dict[Any, Any] = {
    "svg.hashsalt": "prunelaw",
    "pdf.fonttype": 42,
}  # fixed element names; TrueType in PDF


@contextmanager
def style_sheet() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own settings are; restored at the end."""
    import matplotlib.style

    with matplotlib.style.context("default", after_reset=True), matplotlib.rc_context(_RC):
        yield


def encoded(figure: "Figure", file_format: str, dpi: int = DPI) -> bytes:
    """The figure as a png, svg or pdf file: the same figure gives the same bytes.

    To be called, like the function that drew it, inside `style_sheet`.  Raises `InputError`.
    """
    from prunelaw.checks import check_choice

    check_choice("format", file_format, FORMATS)
    buffer = BytesIO()
    figure.savefig(buffer, format=file_format, dpi=dpi, metadata=dict(FORMATS[file_format]))
    return buffer.getvalue()


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A figure without pyplot, and its axes as an array of shape (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for one in axes.flat:
        dress(one)
    return figure, axes


def dress(axes: "Axes") -> None:
    """Two spines, small ticks, 8-point text, and a faint grid behind the data."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, length=3)
    axes.grid(True, color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)


def label(axes: "Axes", x: str, y: str, title: str = "") -> None:
    """Axis names, with their units, and a left-aligned title."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    if title:
        axes.set_title(title, fontsize=9, loc="left")


def plain_log_axis(axis: Any, steps: tuple[float, ...] = (1.0, 2.0, 5.0)) -> None:
    """20, 50, 100 in place of powers of ten, for data that span a decade or two.

    `steps` are the numbers of each decade that are written: (1,) for a narrow panel.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


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


def legend(axes: "Axes", **options: Any) -> None:
    """A legend without a frame, in 8-point text."""
    axes.legend(fontsize=options.pop("fontsize", 8), frameon=False, **options)


def save(figure: "Figure", path: str | Path, name: str = "path") -> None:
    """Writes the figure as a new PNG; `name`: what errors call the path.  Raises `InputError`."""
    from prunelaw_sim.common.new_file import write_new_file

    write_new_file(name, path, encoded(figure, "png"))
