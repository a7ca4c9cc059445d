"""Milliseconds a move of the interactive page takes in Chromium.

Each slider is moved fifty times, to places all over its range: the clock runs from the event to the
new layout; the processor's time includes painting, and does not grow when others use the machine.
Needs the extra `browser` and Chromium, on the path or named by the environment variable CHROMIUM.
"""

import os
import shutil
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prunelaw_figures.demo.build import build_page

MOVES, WARM = 50, 10
SLIDERS = {"alpha": "pruning", "f": "pruning", "theta": "pruning", "seen": "decay"}
MOVE = f"""async ([id, moves]) => {{
  const slider = document.getElementById(`${{id}}-slider`), spent = [];
  for (let i = -{WARM}; i < moves; i++) {{
    slider.value = Math.round(Number(slider.max) * (((i + 20) * 0.6180339887) % 1));
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    document.body.offsetHeight;
    if (i >= 0) spent.push(performance.now() - start);
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  }}
  return spent;
}}"""


def main() -> None:
    """Prints a line a slider; the first ten moves, in which the browser compiles, do not count."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("the interactive page: needs Chromium; not measured")
        return
    for slider, (spent, processor) in moves(chromium).items():
        clock = (
            f"median {statistics.median(spent):5.1f} ms, longest {max(spent):5.1f} ms of {MOVES}"
        )
        print(f"page, slider {slider:6s} {clock}; processor {processor:5.1f} ms a move")


def moves(chromium: str) -> dict[str, tuple[list[float], float]]:
    """For each slider the milliseconds of every move, and those of the processor on average."""
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder) / "demo.html"
        path.write_bytes(build_page())
        quiet = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=chromium, args=quiet)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable", {"timeDomain": "threadTicks"})
        spent = {}
        for slider, tab in SLIDERS.items():
            page.goto("about:blank")
            page.goto(f"{path.as_uri()}#tab={tab}")
            page.wait_for_selector("html[data-ready=yes]")
            page.evaluate(MOVE, [slider, 0])
            before = processor_seconds(tools)
            times = page.evaluate(MOVE, [slider, MOVES])
            used = processor_seconds(tools) - before
            spent[slider] = (times, 1e3 * used / (MOVES + WARM))
        browser.close()
    return spent


def processor_seconds(tools: Any) -> float:
    """What the page's main thread has used so far."""
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
