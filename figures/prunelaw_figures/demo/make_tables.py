"""Computes the page's tables with the exact solver and writes tables.bin and tables.json.

    python -m prunelaw_figures.demo.make_tables [FOLDER]

takes some twenty-five minutes on one core.  FOLDER (default: this package) must hold no tables yet.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import RegularGridInterpolator
from scipy.special import erf, erfc

import prunelaw
from prunelaw.numerics.gaussian import Array
from prunelaw.pruning.band import best_band
from prunelaw_figures.demo.cells import Cells, Frame, fit
from prunelaw_figures.demo.tables import (
    ALPHA,
    BEND,
    FRACTION,
    LEAST,
    THETA,
    WIDEST,
    Tables,
    log_critical_load,
)

SETTLED = 1e-9  # angles below count as 0
SLACK = 1e-9  # of the ranges: a box that touches them only is not wanted
STEPS = (1e-4, 4e-4, 1e-3)  # steps of the coefficients of log ε, log κ, cos χ
TOLERANCES = (4e-4, 1.5e-3, 4e-3)
BAND_TOLERANCE, BAND_STEP = 1e-3, 4e-4
BAND_GRID = (48, 24, 24)
BAND_CENTRE, BAND_WIDTH = 0.9, 0.4  # of log α_prune: the grid is denser around it
WIDEST_BAND = 0.995  # f beyond which the best band is not looked for
DEEPEST = {"hard": 18, "easy": 18, "band": 11, "random": 10}
POINTS = {"random": 20_000, "hard": 20_000, "easy": 20_000, "band": 4_000}
RANDOM_SEED = 20220629


def at_place(rule: str, points: Float[np.ndarray, "n 3"]) -> tuple[Array, Array, Array]:
    """α_tot, f and θ at coordinates of a table: `tables.place`, inverted."""
    first, second, third = points.T
    if rule == "random":
        return np.exp(first), np.ones_like(first), np.zeros_like(first)
    scaled = BEND[rule] * np.sinh(third)
    if rule == "band":
        f = np.exp(second)
        return np.exp(first) / f, f, np.arctan(scaled * f)
    if rule == "hard":
        gamma = np.exp(second)
        f = erf(gamma / np.sqrt(2.0))
        return np.exp(first + log_critical_load(scaled)) / f, f, np.arctan(scaled * gamma)
    f = erfc(second / np.sqrt(2.0))
    return np.exp(first) / f, f, np.arctan(scaled * np.hypot(second, LEAST))


def frame(rule: str) -> Frame:
    """The whole box of a rule's table."""
    narrow = np.array([FRACTION[0]])
    load = (np.log(ALPHA[0] * FRACTION[0]), np.log(ALPHA[1]))
    if rule == "random":
        return Frame((load[0], 0.0, 0.0), (load[1], 0.0, 0.0), (9, 1, 1), (5e-5,) * 2, (1e-5,) * 2)
    steepest = np.tan(THETA[1])
    if rule == "band":
        low = (load[0], np.log(FRACTION[0]), 0.0)
        last = np.arcsinh(steepest / (BEND[rule] * FRACTION[0]))
        high = (load[1], np.log(WIDEST_BAND), last)
        return Frame(low, high, (5, 5, 5), (BAND_TOLERANCE,), (BAND_STEP,))
    gamma = prunelaw.threshold(rule, narrow).item()
    if rule == "easy":
        high = (load[1], gamma, np.arcsinh(steepest / (BEND[rule] * LEAST)))
        return Frame((load[0], 0.0, 0.0), high, (6, 6, 6), TOLERANCES, STEPS)
    tau = np.array([0.0, steepest / gamma])
    critical = log_critical_load(tau)
    low = (load[0] - critical[1], np.log(gamma), 0.0)
    high = (load[1] - critical[0], np.log(WIDEST), np.arcsinh(tau[1] / BEND[rule]))
    return Frame(low, high, (6, 6, 6), TOLERANCES, STEPS)


def wanted(rule: str) -> Callable[[np.ndarray, np.ndarray], bool]:
    """Whether a box of the table holds a place that the sliders reach."""

    def look(low: np.ndarray, high: np.ndarray) -> bool:
        corners = np.array(list(product(*np.stack([low, high]).T)))
        alpha, _, theta = at_place(rule, corners)
        reached = alpha.min() < ALPHA[1] - SLACK and alpha.max() > ALPHA[0] + SLACK
        return bool(reached and theta.min() < THETA[1] - SLACK)

    return (lambda low, high: True) if rule == "random" else look


def outputs(rule: str, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n outputs"]:
    """What the table holds, from the exact solver, which boxes at the border leave a little."""
    alpha, f, theta = at_place(rule, points)
    return exact(rule, np.clip(alpha, 1e-3, 1e6), f, np.where(theta < SETTLED, 0.0, theta))


def exact(rule: str, alpha: Array, f: Array, theta: Array) -> Float[np.ndarray, "n outputs"]:
    """log ε, log κ and cos χ of the student."""
    if rule == "band":
        found = best_band(alpha, f, theta)
        plain = [prunelaw.solve(alpha, f, theta, name).error for name in ("hard", "easy")]
        least = np.fmin(np.minimum(*plain), found.error)  # hard and easy are bands, too
        return np.log(least)[:, None]
    solved = prunelaw.solve(alpha, f, theta, rule)
    both = np.stack([np.log(solved.error), np.log(solved.kappa)], axis=1)
    if rule == "random":
        return both
    side = (solved.rho - np.cos(theta) * solved.R) / np.sin(np.where(theta > 0.0, theta, 1.0))
    cos_chi = np.where(theta > 0.0, side / np.sin(np.pi * solved.error), 0.0)
    return np.concatenate([both, cos_chi[:, None]], axis=1)


def random_places(n: int, seed: int) -> tuple[Array, Array, Array]:
    """α_tot and f even in log, θ even in the first half, even in log from .001 in the second."""
    rng = np.random.default_rng(seed)
    alpha, f = (low * (high / low) ** rng.uniform(size=n) for low, high in (ALPHA, FRACTION))
    small = np.exp(rng.uniform(np.log(1e-3), np.log(THETA[1]), n))
    return alpha, f, np.where(np.arange(n) < n // 2, rng.uniform(*THETA, n), small)


def differences(
    tables: Tables, rule: str, places: tuple[Array, Array, Array]
) -> Float[np.ndarray, "n outputs"]:
    """|table − solver| of the outputs: relative for ε and κ."""
    here, true = tables.outputs(rule, *places), exact(rule, *places)
    miss = np.abs(here - true)
    miss[:, :2] = np.abs(np.expm1(here - true)[:, :2])
    return miss


def measure(tables: Tables, rule: str, points: int, seed: int) -> dict[str, float | int]:
    """How far a table is from the solver at random places."""
    alpha, f, theta = random_places(points, seed)
    miss = differences(
        tables, rule, (alpha, np.minimum(f, WIDEST_BAND) if rule == "band" else f, theta)
    )
    half, most, nearly, largest = np.quantile(miss[:, 0], [0.5, 0.99, 0.999, 1.0]).tolist()
    found = {"points": points, "q50": half, "q99": most, "q999": nearly, "largest": largest}
    for name, column in zip(("kappa", "cos_chi"), miss.T[1:], strict=False):
        found[f"{name}_q999"] = float(np.quantile(column, 0.999))
    return {
        name: value if name == "points" else float(f"{value:.3g}") for name, value in found.items()
    }


def compute(rule: str) -> Cells:
    """One table, with a line on stderr for each depth."""
    start = time.monotonic()

    def progress(depth: int, boxes: int, kept: int) -> None:
        spent = time.monotonic() - start
        print(f"{rule}: depth {depth}, {boxes} boxes, {kept} kept, {spent:.0f} s", file=sys.stderr)

    function = best_band_spline() if rule == "band" else partial(outputs, rule)
    return fit(function, frame(rule), wanted=wanted(rule), deepest=DEEPEST[rule], progress=progress)


def best_band_spline() -> Callable[[np.ndarray], np.ndarray]:
    """log ε of the best band by cubic splines through a grid, as each place takes long."""
    box = frame("band")
    axes = [np.linspace(*ends) for ends in zip(box.low, box.high, BAND_GRID, strict=True)]
    low, high = (np.arcsinh((end - BAND_CENTRE) / BAND_WIDTH) for end in (box.low[0], box.high[0]))
    axes[0] = BAND_CENTRE + BAND_WIDTH * np.sinh(np.linspace(low, high, BAND_GRID[0]))
    axes[0][[0, -1]] = box.low[0], box.high[0]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = outputs("band", grid).reshape(BAND_GRID)
    spline = RegularGridInterpolator(axes, values, method="cubic")
    return lambda points: spline(np.clip(points, box.low, box.high))[:, None]


def main(folder: Path) -> None:
    """Computes, measures and writes; before that it looks that nothing is overwritten."""
    files = folder / "tables.bin", folder / "tables.json"
    there = [str(file) for file in files if file.exists()]
    if there or not folder.is_dir():
        sys.exit(f"{folder} must be a folder without tables; there is {', '.join(there) or 'none'}")
    made = {rule: compute(rule) for rule in ("random", "hard", "easy", "band")}
    trees = {rule: asdict(cells.frame) | {"tree": cells.tree} for rule, cells in made.items()}
    info: dict[str, Any] = {"tables": trees}
    tables = Tables(info, made)
    info["measured"] = {rule: measure(tables, rule, POINTS[rule], RANDOM_SEED) for rule in made}
    data = b"".join(cells.whole().astype("<i4").tobytes() for cells in made.values())
    with open(files[0], "xb") as file:
        file.write(zlib.compress(data, 9, wbits=-15))
    with open(files[1], "x", encoding="utf-8") as file:
        file.write(json.dumps(info, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
