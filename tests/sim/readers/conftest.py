"""Files that people have, from the folder beside the project."""

from pathlib import Path

import pytest

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"


@pytest.fixture
def case():
    """Gives the path of a file by its name."""

    def _case(name: str) -> Path:
        if not (CASES / name).exists():
            pytest.skip(f"no {CASES / name}")
        return CASES / name

    return _case
