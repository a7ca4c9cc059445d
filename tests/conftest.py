"""Shared test set-up: strict warnings come from pyproject; data beside the project is optional."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("prunelaw", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("prunelaw")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real training sweeps kept beside the project; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real sweeps are not on this machine ({SHARED_DATA.name} folder is absent)")
    return SHARED_DATA
