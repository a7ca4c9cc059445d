"""Amounts of samples as people write them: 640M, 3B, 6.4e8."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from prunelaw.checks import check_real
from prunelaw.errors import InputError

_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}
_FORM = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")
GRAMMAR = "a number like 6.4e8, 640M or 3B (k, M, B = G, T)"


def parse_amount(name: str, text: Any, low: float = 0.0) -> float:
    """`640M` → 640e6; above 0 and at least `low`. `InputError` names what was given otherwise.

    Units: k 1e3, M 1e6, B and G 1e9, T 1e12; capital or small, except that 1m may mean a thousandth
    and is refused.
    """
    found = _FORM.fullmatch(str(text))
    unit = found and found[2]
    known = {**_UNITS, "K": 1e3, "b": 1e9, "g": 1e9, "t": 1e12}
    if not found or unit not in known:
        hint = "; a million is M" if unit == "m" else ""
        raise InputError(f"{name} must be {GRAMMAR}, got {text!r}{hint}")
    value = float(found[1]) * known[unit]
    if 0.0 < abs(value) < 1e300:
        value = float(Decimal(found[1]) * Decimal(known[unit]))  # 2.3M is 2300000
    return float(check_real(name, value, low, low_open=low == 0.0))


def amount_text(value: float) -> str:
    """640e6 → `640M`; four digits."""
    for unit in ("T", "B", "M", "k"):
        if abs(value) >= 0.99995 * _UNITS[unit]:
            return f"{value / _UNITS[unit]:.4g}{unit}"
    return f"{value:.4g}"
