"""The house: imports run prunelaw ← prunelaw_sim ← prunelaw_figures, and importing is polite."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"prunelaw": "theory", "prunelaw_sim": "sim", "prunelaw_figures": "figures"}
MAY_IMPORT = {
    "prunelaw": {"prunelaw"},
    "prunelaw_sim": {"prunelaw", "prunelaw_sim"},
    "prunelaw_figures": set(PACKAGES),
}


def imported_roots(file: Path) -> set[str]:
    roots = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    files = list((ROOT / PACKAGES[package] / package).rglob("*.py"))
    assert files
    for file in files:
        ours = imported_roots(file) & set(PACKAGES)
        assert ours <= MAY_IMPORT[package], f"{file.relative_to(ROOT)} imports {ours}"


def test_theory_does_no_input_or_output():
    for file in (ROOT / "theory" / "prunelaw").rglob("*.py"):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"print", "open", "input"}, file.name


@pytest.mark.parametrize("package", PACKAGES)
def test_import_leaves_jax_configuration_alone(package):
    """Importing must not switch the caller to float64, nor load JAX where theory needs none."""
    code = f"import {package}, sys; "
    code += "assert 'jax' not in sys.modules or not __import__('jax').config.jax_enable_x64; "
    if package == "prunelaw":
        code += "assert not {'jax', 'sympy', 'matplotlib', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
