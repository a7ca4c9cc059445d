"""The equations of `prunelaw.features` from one potential, by SymPy."""

import pytest

from prunelaw.derivations.features import mixture_channel, mixture_matrix_side


@pytest.mark.parametrize("derive", [mixture_matrix_side, mixture_channel])
def test_every_step_holds(derive):
    found = derive()
    assert [step.says for step in found.steps if not step.holds] == []
    assert found.holds
