"""The viewer without a server: one page that holds its maps, opened by a double click."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from . import user

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Maps</title></head><body>
<div id="esegeta-viewer"></div><script type="application/json" id="esegeta-data">{data}</script>
<script>{viewer}</script></body></html>"""


def packed(values: np.ndarray[Any, np.dtype[Any]], scale: float = 1) -> str:
    affine = np.diag([scale, scale, scale, 1])
    return base64.b64encode(nibabel.Nifti1Image(values.astype(np.float32), affine).to_bytes()).decode()


def embedded() -> dict[str, Any]:
    """A picture of 64 × 48 in colours with maps of a method with a sign, and of one at two layers."""
    x, y = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 48), indexing="ij")
    colours = np.stack([x, y, -x], -1)[:, :, None, None, :] * 0.5 + 0.5
    bump, dip = np.exp(-8 * ((x - 0.5) ** 2 + y**2)), np.exp(-8 * ((x + 0.5) ** 2 + y**2))
    maps = [
        {
            "title": "Signed",
            "method": "signed",
            "target": "cat",
            "quantity": "share",
            "data": packed((bump - dip)[..., None]),
        },
        {"title": "Layered", "method": "layered", "target": "cat", "layer": "one", "data": packed(bump[..., None])},
        {"title": "Layered", "method": "layered", "target": "cat", "layer": "two", "data": packed(dip[..., None])},
    ]
    image = {"name": "bumps", "image": packed(colours), "label": packed((bump > 0.5)[..., None]), "maps": maps}
    return {"title": "Bumps <b>& dips</b>", "notes": ["A note."], "images": [image]}


@pytest.fixture
def report(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    viewer = (files("torchesegeta") / "web" / "static" / "viewer.js").read_text(encoding="utf-8")
    content = PAGE.replace("{data}", json.dumps(embedded()).replace("<", "\\u003c"))
    path = tmp_path / "report.html"
    path.write_text(content.replace("{viewer}", viewer.replace("</script", "<\\/script")), encoding="utf-8")
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert errors == []


def tile(page: Page, name: str) -> Any:
    return page.locator(f".tile[data-tile={name}]").first


def test_a_page_opens_without_a_server(report: Page) -> None:
    expect(report.get_by_role("heading", name="Bumps <b>& dips</b>")).to_be_visible()
    user.wait_for_colour(report, tile(report, "signed").locator("canvas"), 1000)


def test_values_follow_the_cursor_in_every_tile(report: Page) -> None:
    canvas = tile(report, "signed").locator("canvas")
    box = canvas.bounding_box()
    assert box is not None
    canvas.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    said = report.locator(".tile .foot output").all_inner_texts()
    assert len(said) == 3
    assert len({text.split("image")[1] for text in said}) == 1


def test_what_is_below_the_threshold_is_not_drawn(report: Page) -> None:
    canvas = tile(report, "layered").locator("canvas")
    user.wait_for_colour(report, canvas, 1000)
    before = user.pixels(canvas)
    report.get_by_role("slider", name="Threshold").press("End")
    report.wait_for_timeout(300)
    assert (user.pixels(canvas) != before).any(-1).mean() > 0.02


def test_a_slider_goes_through_layers(report: Page) -> None:
    layered = tile(report, "layered")
    canvas = layered.locator("canvas")
    before = user.pixels(canvas)
    layered.get_by_role("slider", name="Layer").press("End")
    expect(layered.locator(".steps output")).to_have_text("two")
    report.wait_for_timeout(300)
    assert (user.pixels(canvas) != before).any(-1).mean() > 0.02


def test_one_sign_alone_is_shown(report: Page) -> None:
    canvas = tile(report, "signed").locator("canvas")
    user.wait_for_colour(report, canvas, 1000)
    before = user.pixels(canvas)
    report.get_by_role("combobox", name="Sign").select_option("positive")
    report.wait_for_timeout(300)
    changed = (user.pixels(canvas) != before).any(-1)
    half = changed.shape[1] // 2
    assert changed[:, :half].mean() > 0.02
    assert changed[:, half:].mean() < 0.01
