"""Runs every python block of the README and the pages; holds its output against its comments.

    python docs/check_examples.py [PAGE...]

The blocks of one page are one program.  A comment behind a `print` says what it prints: the numbers
in it, in their order, must be among the printed ones, rounded to the digits that the comment shows.
Pages that are notebooks are not looked at here: they show what they printed when they were built.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?")
PRINT = re.compile(r"^(\s*)print\((.*)\)\s*#\s*(.*)$")
MARK = "~~line"


def main() -> int:
    """Exit code 1 if an example fails or prints other numbers than its comment says."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or PAGES
    bad = 0
    for page in pages:
        program = "\n".join(BLOCK.findall(page.read_text(encoding="utf-8")))
        if program:
            complaints = check(program)
            bad += len(complaints)
            print(f"{page.relative_to(ROOT)}: {'; '.join(complaints) or 'good'}", flush=True)
    return 1 if bad else 0


def check(program: str) -> list[str]:
    """What is wrong with one program: it fails, or a print and its comment differ."""
    marked, comments = mark(program)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").symlink_to(ROOT / "docs")
        script = Path(folder) / "example.py"
        script.write_text(marked, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return [f"failed: {done.stderr.strip().splitlines()[-1]}"]
    return [
        f"{comment!r} but printed {printed.strip()!r}"
        for comment, printed in zip(comments, done.stdout.split(MARK)[1:], strict=True)
        if not agrees(comment, printed)
    ]


def mark(program: str) -> tuple[str, list[str]]:
    """The program with a mark printed before each print that has a comment, and the comments."""
    lines, comments = [], []
    for line in program.split("\n"):
        found = PRINT.match(line)
        if found and NUMBER.search(found[3]):
            comments.append(found[3])
            lines.append(f"{found[1]}print({MARK!r}, end='')")
        lines.append(line)
    return "\n".join(lines), comments


def agrees(comment: str, printed: str) -> bool:
    """Whether the comment's numbers are found in the printed ones, in order."""
    values = [number(text) for text in NUMBER.findall(printed)]
    for text in NUMBER.findall(comment):
        tolerance = 0.5001 * 10.0 ** -digits(text)
        while values and abs(values[0] - number(text)) > tolerance:
            values.pop(0)
        if not values:
            return False
        values.pop(0)
    return True


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def digits(text: str) -> int:
    """Decimal places that a number shows, its exponent included."""
    mantissa, _, exponent = text.lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


if __name__ == "__main__":
    sys.exit(main())
