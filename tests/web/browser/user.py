"""What a user does, in words of the screens."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

LONG = 120_000
"""Milliseconds in which a small run is done on a busy machine."""


def choose_model(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).check()


def upload(page: Page, path: Path) -> None:
    page.get_by_text("Upload", exact=True).click()
    page.locator("label.zone", has_text="Drop images").locator("input").set_input_files(path)
    expect(page.get_by_role("textbox", name=f"Name of {path.name.split('.')[0]}")).to_be_visible()


def choose_methods(page: Page, *titles: str) -> None:
    page.get_by_role("link", name="Choose methods").click()
    for title in titles:
        page.get_by_role("checkbox", name=title, exact=True).check()


def to_parameters(page: Page) -> None:
    page.get_by_role("link", name="Set parameters").click()
    expect(page.get_by_role("heading", name="Parameters")).to_be_visible()


def start(page: Page, name: str) -> None:
    """Start under a name of one's own."""
    page.get_by_role("link", name="What to explain").first.click()
    page.get_by_label("Name of the run").fill(name)
    page.get_by_role("link", name="Parameters and start").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def wait_until_done(page: Page) -> None:
    expect(page.locator("h1 + .status")).to_have_text("done", timeout=LONG)


def look(page: Page) -> None:
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator(".tile canvas").first).to_be_visible()


def pixels(canvas: Locator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(height, width, 3)."""
    return np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB"))


def coloured(canvas: Locator) -> int:
    """How many pixels are neither black, white nor grey."""
    shown = pixels(canvas).astype(int)
    return int((shown.max(-1) - shown.min(-1) > 40).sum())


def wait_for_colour(page: Page, canvas: Locator, least: int) -> None:
    """Until a map lies over the image; drawing in software takes a moment."""
    for _ in range(60):
        if coloured(canvas) >= least:
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"no map is drawn: {coloured(canvas)} coloured pixels")
