"""Takes a picture of every screen of the web interface, on the demo model: `python -m docs.screenshots [FOLDER]`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, ViewportSize, expect

from docs.browser import browser, missing, serving

HERE = Path(__file__).parent
FOLDER = HERE.parent / "build" / "screenshots"
BEST = ("what", "methods", "look")
"""These go to the README."""
SIZE = ViewportSize(width=1440, height=1160)
RUN_MS = 600_000
"""The demo's quick look takes a minute or two on a small machine."""
METHODS = ("Saliency", "Input × gradient", "Layer Grad-CAM", "Guided backpropagation")


class Album:
    """Pictures of one page, under their names."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder

    def take(self, name: str, *, wait_ms: int = 800, top: bool = True) -> None:
        """One picture, once the page is still: of its top, or of where it is."""
        path = self.folder / f"{name}.png"
        if top:
            self.page.evaluate("scrollTo(0, 0)")
        self.page.wait_for_timeout(wait_ms)
        self.page.screenshot(path=path)
        print(path)


def main(folder: Path) -> None:
    """All screens, in the order in which a user meets them."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as runs, serving(Path(runs)) as link, browser() as chromium:
        page = chromium.new_page(viewport=SIZE, color_scheme="light")
        page.goto(link)
        album = Album(page, folder)
        _choose(page, album)
        _run(page, album)
        _look(page, album)
        page.goto(link.split("?")[0] + "#/runs")
        album.take("runs")
    for name in BEST:
        shutil.copy(folder / f"{name}.png", HERE / "images" / f"web_{name}.png")


def _choose(page: Page, album: Album) -> None:
    page.get_by_role("radio").first.check()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Show what the model predicts").click()
    expect(page.get_by_text("The outline is")).to_be_visible(timeout=RUN_MS)
    album.take("what", wait_ms=5000)
    page.get_by_role("link", name="Choose methods").click()
    for title in METHODS:
        page.get_by_role("checkbox", name=title, exact=True).check()
    expect(page.get_by_text("Time, about")).to_be_visible(timeout=RUN_MS)
    album.take("methods")
    page.get_by_role("link", name="Set parameters").click()
    album.take("parameters")
    page.get_by_role("button", name="Config, command, Python").click()
    album.take("config")
    page.get_by_role("button", name="Close").click()


def _run(page: Page, album: Album) -> None:
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".worker")).to_be_visible(timeout=RUN_MS)
    album.take("run", wait_ms=2000)
    expect(page.locator("h1 + .status")).to_have_text("done", timeout=RUN_MS)


def _look(page: Page, album: Album) -> None:
    page.get_by_role("tab", name="Maps").click()
    page.locator(".tile input[type=range]").first.press("End")
    page.get_by_role("heading").first.click()
    album.take("look", wait_ms=9000)
    page.get_by_text("Projection", exact=True).click()
    album.take("projection", wait_ms=4000)
    page.get_by_role("button", name="Dark colours").click()
    page.get_by_text("Axial", exact=True).click()
    page.get_by_label("Prediction").check()
    album.take("dark", wait_ms=6000)
    page.get_by_role("button", name="Light colours").click()
    page.get_by_role("heading", name="All maps").scroll_into_view_if_needed()
    album.take("table", top=False)


if __name__ == "__main__":
    reason = missing()
    if reason is not None:
        sys.exit(reason)
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
