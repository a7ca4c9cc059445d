"""What a sweep's verbs say: what was measured, in words or JSON, and which numbers are refused."""

import json

import pytest

from prunelaw.errors import InputError
from prunelaw_figures.terminal.sweep_output import run_design, whole_number
from prunelaw_sim.sweeps.simulated import Design


def test_a_design_is_run_once_and_told_each_time(tmp_path, capsys):
    design = Design.grid(alpha_tot=3, f=0.5, dim=10, trials=2, unit=2)
    store = tmp_path / "runs.db"
    run_design(design, store, workers=1, dask=None, as_json=True)
    first = json.loads(capsys.readouterr().out)
    assert first["complete"] and first["failed"] == []
    assert first["measured"] == first["units_done"] == first["units"] == 1
    run_design(design, store, workers=1, dask=None, as_json=False)
    assert capsys.readouterr().out.startswith("measured 0 units")
    with pytest.raises(InputError, match="--workers"):
        run_design(design, store, workers=0, dask=None, as_json=False)


def test_whole_numbers():
    assert whole_number("--dim", 20.0, 2) == 20
    with pytest.raises(InputError, match=r"--dim must be whole numbers of at least 2, got 2\.5"):
        whole_number("--dim", 2.5, 2)
