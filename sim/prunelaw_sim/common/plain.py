"""Results as plain JSON values: arrays to lists, dataclasses to objects, NaN and inf to null."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from os import PathLike
from typing import Any

import numpy as np


def to_plain(value: Any) -> Any:
    """`value` built of dict, list, str, int, float, bool and None only, so that JSON can hold it.

    Objects with a `to_dict` say themselves what they hold; other dataclasses give their fields.
    Raises `TypeError` for anything else, rather than writing its repr into a result.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, PathLike):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return to_plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    raise TypeError(f"no JSON form for {type(value).__name__}")


def to_json(value: Any) -> str:
    """One JSON document, indented; strict JSON, never a bare NaN."""
    return json.dumps(to_plain(value), indent=2, allow_nan=False, ensure_ascii=False)
