"""Milliseconds a move of the interactive page takes in Chromium, from the event to the new layout.

Each slider is moved fifty times, to places all over its range.  Needs the extra `browser` and
Chromium on the path, or named by the environment variable CHROMIUM.
"""

import os
import shutil
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from prunelaw_figures.demo.build import build_page

MOVES = 50
SLIDERS = {"alpha": "pruning", "f": "pruning", "theta": "pruning", "seen": "decay"}
MOVE = """async ([id, moves]) => {
  const slider = document.getElementById(`${id}-slider`), spent = [];
  for (let i = -10; i < moves; i++) {
    slider.value = Math.round(Number(slider.max) * (((i + 20) * 0.6180339887) % 1));
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    document.body.offsetHeight;
    if (i >= 0) spent.push(performance.now() - start);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }
  return spent;
}"""


def main() -> None:
    """Prints a line a slider; the first ten moves, in which the browser compiles, do not count."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("the interactive page: needs Chromium; not measured")
        return
    for slider, spent in moves(chromium).items():
        middle, worst = statistics.median(spent), max(spent)
        print(
            f"page, slider {slider:6s} median {middle:5.1f} ms, longest {worst:5.1f} ms of {MOVES}"
        )


def moves(chromium: str) -> dict[str, list[float]]:
    """Milliseconds of every move, by slider."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "demo.html"
        path.write_bytes(build_page())
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        spent = {}
        for slider, tab in SLIDERS.items():
            page.goto("about:blank")
            page.goto(f"{path.as_uri()}#tab={tab}")
            page.wait_for_selector("html[data-ready=yes]")
            spent[slider] = page.evaluate(MOVE, [slider, MOVES])
        browser.close()
    return spent
