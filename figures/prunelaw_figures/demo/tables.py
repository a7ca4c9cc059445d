"""What the page's tables hold and how they are read: errors and order parameters at any place.

The tables were computed with `prunelaw.solve` by make_tables.py and lie beside this file:
tables.json (by rule the frame and the tree of `cells.Cells`, and how far the tables are from the
solver) and tables.bin (the coefficients in units of their steps, one rule after another, as
deflated little-endian 32-bit integers).  perceptron.js reads them the same way.

Outputs are log ε, log κ and cos χ = J·e_u/sin ω, the student's direction in the plane of teacher
and probe; for the best band log ε only.  Coordinates follow the places where ε changes sharply:

    hard     log α_prune − log α*(τ), log γ, asinh(τ/BEND), τ = tan θ/γ      |z| < γ is kept
    easy     log α_prune, γ, asinh(tan θ/(BEND √(γ² + LEAST²)))             |z| > γ is kept
    band     log α_prune, log f, asinh(tan θ/(BEND f))
    random   log α_prune

α*(τ) is the load at which, for f → 0, the labels of the kept examples cease to be separable by
directions orthogonal to the teacher: 2 for a perfect probe (Cover 1965), 1/min_t E(N + t y u)₊²
otherwise (Candès & Sur 2020, theorem 1, for labels y = sign(v − τ u), v uniform on ±1).
Around it ε falls within Δ log α ~ f.  Keep-easy changes where examples with |z| > γ on the wrong
side of the teacher, a share of about H(γ/tan θ), are first met.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from jaxtyping import Float

from prunelaw.numerics.gaussian import Array, central_half_width, outer_threshold
from prunelaw_figures.demo.cells import Cells, Frame

ALPHA, FRACTION, THETA = (0.1, 1000.0), (0.02, 1.0), (0.0, 1.4)  # ranges of the sliders
BEND = {"hard": 0.2, "easy": 0.1, "band": 0.3}
LEAST = 0.05
WIDEST = 4.2  # γ of keep-hard beyond which what is dropped does not matter
_SLOPE, _BENDS = 3.2021, (0.68635208, -2.06048246, 2.50476212, -1.09037321)


def log_critical_load(tau: Array) -> Array:
    """log α*(τ) to 1e-3: log √(4 + (3.2 τ)²) and a polynomial in q = τ²/(1 + τ²)."""
    q = tau**2 / (1.0 + tau**2)
    bend = np.polynomial.polynomial.polyval(q, (0.0, *_BENDS))
    return 0.5 * np.log(4.0 + (_SLOPE * tau) ** 2) + (q - 1.0) * bend


def place(rule: str, alpha_tot: Array, f: Array, theta: Array) -> Float[np.ndarray, "n 3"]:
    """The table's coordinates of points; arrays of one shape (n,)."""
    load, slope, zero = np.log(alpha_tot * f), np.tan(theta), np.zeros_like(f)
    if rule == "random":
        columns = (load, zero, zero)
    elif rule == "hard":
        gamma = np.minimum(central_half_width(np.minimum(f, 1.0 - 1e-12)), WIDEST)
        tau = slope / gamma
        columns = (load - log_critical_load(tau), np.log(gamma), np.arcsinh(tau / BEND[rule]))
    elif rule == "easy":
        gamma = outer_threshold(f)
        columns = (load, gamma, np.arcsinh(slope / (BEND[rule] * np.hypot(gamma, LEAST))))
    else:
        columns = (load, np.log(f), np.arcsinh(slope / (BEND[rule] * f)))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Tables:
    """The tables by rule; `info` is what tables.json says."""

    info: dict[str, Any]
    cells: dict[str, Cells]

    def outputs(self, rule: str, alpha_tot: Any, f: Any, theta: Any) -> Float[np.ndarray, "n k"]:
        """log ε, log κ and cos χ (of random log ε and log κ, of the band log ε) as the page has."""
        alpha_tot, f, theta = (np.atleast_1d(np.asarray(x, float)) for x in (alpha_tot, f, theta))
        alpha_tot, f, theta = np.broadcast_arrays(alpha_tot, f, theta)
        return self.cells[rule](place(rule, alpha_tot, f, theta))

    def error(self, rule: str, alpha_tot: Any, f: Any, theta: Any) -> Float[np.ndarray, " n"]:
        """ε as the page shows it, f < 1; at f = 1 every rule is random."""
        return np.exp(self.outputs(rule, alpha_tot, f, theta)[:, 0])


@cache
def read_tables() -> Tables:
    """The tables of the package."""
    info, cells = json.loads(table_info()), {}
    rest = np.frombuffer(zlib.decompress(table_bytes(), wbits=-15), "<i4")
    for rule, frame in info["tables"].items():
        sides = {name: tuple(value) for name, value in frame.items() if name != "tree"}
        cells[rule] = Cells.of_whole(Frame(**sides), frame["tree"], rest)
        rest = rest[cells[rule].coefficients.size :]
    return Tables(info, cells)


def table_info() -> str:
    """tables.json as it is."""
    return _beside("tables.json").read_text(encoding="utf-8")


def table_bytes() -> bytes:
    """tables.bin as it is: raw deflate."""
    return _beside("tables.bin").read_bytes()


def _beside(name: str) -> Any:
    return resources.files("prunelaw_figures.demo").joinpath(name)
