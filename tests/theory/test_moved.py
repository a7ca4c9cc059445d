"""Former paths of modules: each gives the module of the new path, and says so."""

import importlib
import sys

import pytest

from prunelaw.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_a_former_path_is_the_new_module(old):
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MOVED[old]}"):
        module = importlib.import_module(old)
    assert module is importlib.import_module(MOVED[old])
    assert module.__name__ == module.__spec__.name == MOVED[old]


def test_other_names_are_unknown_as_before():
    with pytest.raises(ModuleNotFoundError, match=r"prunelaw\.utilities"):
        importlib.import_module("prunelaw.utilities")
