"""The house: which room may import which, no circles, small rooms, and polite imports.

`python tests/test_architecture.py` prints the rooms, arrows, floors and circles that it counts.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"prunelaw": "theory", "prunelaw_sim": "sim", "prunelaw_figures": "figures"}

# A room → the rooms of its own package that it may import; "top" is what lies beside the folders.
RULES = {
    "prunelaw": {
        "top": "",
        "numerics": "top",
        "keep": "top numerics",
        "perceptron": "top numerics keep",
        "pruning": "top numerics keep perceptron",
        "students": "top numerics keep",
        "features": "top numerics keep pruning",
        "decay": "top numerics",
        "derivations": "",
    },
    "prunelaw_sim": {
        "top": "",
        "common": "",
        "tables": "common",
        "readers": "tables common",
        "students": "common",
        "simulation": "students common",
        "networks": "features common",
        "scores": "networks common",
        "sweeps": "simulation scores networks students tables common",
        "features": "readers students common",
        "fits": "common",
        "laws": "fits tables common",
        "pools": "laws fits readers tables common",
        "advice": "pools laws fits scores tables common",
        "studies": "scores networks students tables common",
        "verification": "studies sweeps laws fits simulation tables common",
    },
    "prunelaw_figures": {
        "top": "commands plots terminal",
        "commands": "words plots gallery demo terminal",
        "words": "plots terminal",
        "gallery": "plots",
        "plots": "",
        "demo": "",
        "terminal": "",
    },
}
LARGE_ROOMS = {"plots", "readers"}  # one figure, one file format a module
MOST_MODULES, MOST_LINES = 16, 450


def files(package: str) -> list[Path]:
    return sorted((ROOT / PACKAGES[package] / package).rglob("*.py"))


def module_of(file: Path) -> str:
    name = ".".join(file.relative_to(ROOT).with_suffix("").parts[1:])
    return name.removesuffix(".__init__")


def room_of(module: str) -> str:
    """The folder of a package in which a module lies; "top" beside the folders."""
    package, *rest = module.split(".")
    folder = ROOT / PACKAGES[package] / package / (rest[0] if rest else "")
    return rest[0] if rest and folder.is_dir() else "top"


@cache
def modules() -> dict[str, Path]:
    return {module_of(file): file for package in PACKAGES for file in files(package)}


def imported(file: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import of this project, wherever it stands; "" for a whole module."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in PACKAGES:
                    yield alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            if node.module and node.module.split(".")[0] in PACKAGES:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    yield (whole, "") if whole in modules() else (node.module, alias.name)


@cache
def arrows() -> dict[str, set[str]]:
    """Module → the modules that it imports; a folder's `__init__` counts as what it re-exports."""
    return {
        module: {target for target, _ in imported(file)} - {module}
        for module, file in modules().items()
    }


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Strongly connected sets of more than one node (Tarjan, by two passes of depth first)."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(node: str, edges: dict[str, set[str]], out: list[str]) -> None:
        stack = [(node, iter(edges.get(node, ())))]
        seen.add(node)
        while stack:
            _, rest = stack[-1]
            following = next((n for n in rest if n not in seen), None)
            if following is None:
                out.append(stack.pop()[0])
            else:
                seen.add(following)
                stack.append((following, iter(edges.get(following, ()))))

    for node in graph:
        if node not in seen:
            visit(node, graph, order)
    back: dict[str, set[str]] = {}
    for node, targets in graph.items():
        for target in targets:
            back.setdefault(target, set()).add(node)
    seen.clear()
    found = []
    for node in reversed(order):
        if node not in seen:
            part: list[str] = []
            visit(node, back, part)
            if len(part) > 1:
                found.append(set(part))
    return found


def rooms_graph(package: str) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for module, targets in arrows().items():
        if module.split(".")[0] == package:
            inside = {room_of(t) for t in targets if t.split(".")[0] == package}
            graph.setdefault(room_of(module), set()).update(inside - {room_of(module)})
    return graph


def floors(graph: dict[str, set[str]]) -> int:
    """Longest chain of arrows, in rooms: a room stands above all that it imports."""

    @cache
    def height(room: str) -> int:
        return 1 + max((height(target) for target in graph.get(room, ())), default=0)

    return max(height(room) for room in graph)


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_one_way(package):
    below = list(PACKAGES)[: list(PACKAGES).index(package) + 1]
    for module, targets in arrows().items():
        if module.split(".")[0] == package:
            assert {target.split(".")[0] for target in targets} <= set(below), module


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_import_what_the_rules_say_and_no_more(package):
    rules = {room: set(names.split()) for room, names in RULES[package].items()}
    graph = rooms_graph(package)
    assert set(graph) == set(rules)
    for room, targets in graph.items():
        assert targets <= rules[room] | {"top"}, f"{package}.{room}"
        unused = rules[room] - targets - {"top"}
        assert not unused, f"{package}.{room} imports nothing of {unused}: take it from the rules"


def test_no_circle_of_files():
    assert circles(arrows()) == []


def test_no_private_name_crosses_a_package():
    for module, file in modules().items():
        for target, name in imported(file):
            if target.split(".")[0] != module.split(".")[0]:
                parts = [*target.split("."), name]
                assert not any(part.startswith("_") for part in parts), f"{module}: {target} {name}"


def test_rooms_and_files_are_small():
    for package in PACKAGES:
        for folder in {file.parent for file in files(package)}:
            count = len([file for file in folder.glob("*.py") if file.name != "__init__.py"])
            assert folder.name in LARGE_ROOMS or count <= MOST_MODULES, f"{folder}: {count} modules"
    for file in [*modules().values(), *(ROOT / "tests").rglob("*.py")]:
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= MOST_LINES, f"{file.relative_to(ROOT)} has {lines} lines"


def reexported(package: str) -> dict[str, str]:
    """Public name → its module, for names that a package's `__init__` (or its stub) lists."""
    file = modules()[package]
    stub = file.with_suffix(".pyi")
    if not stub.exists():
        return {name: module for module, name in imported(file) if name}
    return {
        alias.name: f"{package}.{node.module}"
        for node in ast.walk(ast.parse(stub.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def imported_by_tests() -> set[str]:
    """Modules that some test imports by their public path: their own, or a package's."""
    found = set()
    for file in (ROOT / "tests").rglob("*.py"):
        for module, name in imported(file):
            found.add(module)
            if modules().get(module, file).name == "__init__.py":
                listed = reexported(module)
                found |= set(listed.values()) if not name else {listed.get(name, "")}
    return found


ROOMS = sorted({(m.split(".")[0], room_of(m)) for m in modules()})


@pytest.mark.parametrize(("package", "room"), ROOMS)
def test_every_module_has_a_test(package, room):
    """A verb of the command line is public by its name: tests/figures/commands/test_VERB.py."""
    mine = {m for m in modules() if (m.split(".")[0], room_of(m)) == (package, room)}
    inner = {m for m in mine if modules()[m].name == "__init__.py"}
    verbs = {
        m
        for m in mine
        if m.startswith("prunelaw_figures.commands.")
        and (ROOT / f"tests/figures/commands/test_{m.split('.')[2]}.py").exists()
    }
    assert sorted(mine - inner - verbs - imported_by_tests()) == []


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_what_there_is(page):
    """Files of tests, and modules or public names in dotted paths; the changelog may look back."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\btests/[\w/]*test_\w+\.py", text):
        assert (ROOT / name).exists(), name
    if page.name == "CHANGELOG.md":
        return
    for path in re.findall(r"(?<![\w./-])(prunelaw(?:_sim|_figures)?(?:\.[A-Za-z_]\w*)+)", text):
        package, *rest = path.split(".")
        while rest and f"{package}.{rest[0]}" in modules():
            package = f"{package}.{rest.pop(0)}"
        if rest:
            source = modules()[package].read_text(encoding="utf-8")
            known = rest[0] in reexported(package) or re.search(rf"\b{rest[0]}\b", source)
            assert known, f"{path}: no {rest[0]} in {package}"


def test_theory_does_no_input_or_output():
    for file in files("prunelaw"):
        calls = {
            node.func.id
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"print", "open", "input"}, file.name


@pytest.mark.parametrize("package", PACKAGES)
def test_import_leaves_jax_configuration_alone(package):
    """Importing must not switch the caller to float64, nor load what is used later, if at all."""
    code = f"import {package}, sys; "
    code += "assert not {'jax', 'sympy', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    for name in PACKAGES:
        rooms = rooms_graph(name)
        count = sum(len(targets) for targets in rooms.values())
        lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files(name))
        print(
            f"{name}: {len(files(name))} modules, {lines} lines; {len(rooms)} rooms, {count} "
            f"arrows between them, {floors(rooms)} floors"
        )
    print(f"circles of files: {len(circles(arrows()))}; of rooms: 0 by the rules")
