"""Messages of argument checks: the argument, the value and the allowed range."""

import numpy as np
import pytest

from prunelaw import InputError
from prunelaw.checks import check_choice, check_integer, check_number, check_real, describe_range


@pytest.mark.parametrize(
    ("low", "high", "opened", "text"),
    [(0.0, 1.0, (True, False), "(0, 1]"), (-np.inf, np.inf, (False, False), "(-inf, inf)")],
)
def test_ranges_are_said_with_their_ends(low, high, opened, text):
    assert describe_range(low, high, *opened) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: check_real("f", [0.5, 2.0], 0.0, 1.0),
            r"f must be .* in \[0, 1\], got 2.0 at index 1",
        ),
        (
            lambda: check_real("f", "half"),
            "f must be a real number or an array of them, got 'half'",
        ),
        (lambda: check_number("f", [0.5]), "f must be one number, got an array"),
        (
            lambda: check_number("f", 0.0, 0.0, 1.0, low_open=True),
            r"f must be .* in \(0, 1\], got 0.0",
        ),
        (lambda: check_integer("dim", True, 2), "dim must be an integer of at least 2, got True"),
        (lambda: check_integer("dim", 9, 2, 5), r"dim must be an integer in \[2, 5\], got 9"),
        (lambda: check_choice("law", "x", ("a", "b")), "law must be one of a, b; got 'x'"),
    ],
)
def test_what_is_refused_and_how(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_what_is_allowed_comes_back():
    assert check_real("f", [0, 1], 0.0, 1.0).dtype == np.float64
    assert check_number("f", np.float32(0.5)) == 0.5
    assert check_integer("dim", np.int64(3), 2) == 3
    assert check_choice("law", "a", ("a", "b")) == "a"
