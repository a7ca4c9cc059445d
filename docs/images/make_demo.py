"""Writes docs/images/demo.png: the first tab of the interactive page (needs Chromium).

python docs/images/make_demo.py docs/images/demo.png
"""

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

from prunelaw_figures.demo.build import build_page

VIEW = "#alpha=30&f=0.2&theta=0.3&hold=kept"


def screenshot(path: Path) -> None:
    """The page as it opens at VIEW."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with TemporaryDirectory() as folder, sync_playwright() as driver:
        page_file = Path(folder) / "demo.html"
        page_file.write_bytes(build_page())
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 1080})
        page.goto(page_file.as_uri() + VIEW)
        page.wait_for_selector("html[data-ready=yes]")
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    screenshot(Path(sys.argv[1]))
