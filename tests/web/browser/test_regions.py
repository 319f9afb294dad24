"""Pointing at what is to be explained, and seeing what the model predicts, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, expect

from . import user
from .project import EDGE

BLUE, YELLOW = (72, 202, 255), (255, 196, 64)
"""Colours of the prediction's outline and of the place that is chosen."""


def prepare(page: Page, folder: Path, model: str, image: str) -> Locator:
    """A model, its image, and a place as the target; the preview."""
    user.choose_model(page, model)
    user.upload(page, folder / "images" / image)
    page.get_by_text("A place", exact=True).click()
    return page.locator(".preview canvas").first


def target_of_run(page: Page, folder: Path, name: str) -> dict[str, Any]:
    """Start, wait, and read the target from the run's folder."""
    user.choose_methods(page, "Saliency")
    user.to_parameters(page)
    user.start(page, name)
    user.wait_until_done(page)
    about = json.loads((folder / "runs" / name / "run.json").read_text(encoding="utf-8"))
    target = about["config"]["target"]
    assert isinstance(target, dict)
    return target


def at(canvas: Locator, x: float, y: float) -> tuple[float, float]:
    """A point of the page, by shares of the canvas."""
    box = canvas.bounding_box()
    assert box is not None
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def drag(page: Page, canvas: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(canvas, *start))
    page.mouse.down()
    page.mouse.move(*at(canvas, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2), steps=4)
    page.mouse.move(*at(canvas, *end), steps=4)
    page.mouse.up()


def settle(page: Page, canvas: Locator) -> None:
    """Until the preview is drawn and in sight."""
    expect(canvas).to_be_visible(timeout=user.LONG)
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)


def share(canvas: Locator, colour: tuple[int, int, int]) -> float:
    """How much of a canvas is of a colour."""
    near = np.abs(user.pixels(canvas).astype(int) - colour).max(-1) < 40
    return float(near.mean())


def wait_for_share(page: Page, canvas: Locator, colour: tuple[int, int, int], least: float) -> None:
    for _ in range(40):
        if share(canvas, colour) >= least:
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"{share(canvas, colour):.5f} of the preview is of that colour")


def draw_box(page: Page, canvas: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Between two points, by shares of the canvas, until its outline is seen."""
    page.get_by_text("Box", exact=True).click()
    settle(page, canvas)
    drag(page, canvas, start, end)
    wait_for_share(page, canvas, YELLOW, 0.002)


def test_a_voxel_is_clicked(page: Page, folder: Path) -> None:
    canvas = prepare(page, folder, "Two regions in a volume", "ball.nii.gz")
    page.get_by_text("One voxel", exact=True).click()
    settle(page, canvas)
    expect(page.get_by_text("now 24, 24, 24")).to_be_visible()
    page.mouse.click(*at(canvas, 0.1, 0.5))
    expect(page.get_by_text("now 24, 24, 24")).to_have_count(0)
    said = page.get_by_text("Click into the preview").inner_text()
    voxel = [int(part) for part in said.partition(": now ")[2].partition(".")[0].split(",")]
    assert voxel[0] > 30, "left of the middle in the picture is towards the patient's right, low x mirrored"
    assert all(abs(place - EDGE / 2) <= 1 for place in voxel[1:]), voxel
    target = target_of_run(page, folder, "voxel-run")
    assert target["kind"] == "region"
    assert target["voxel"] == voxel


def test_a_box_is_drawn_in_a_volume(page: Page, folder: Path) -> None:
    canvas = prepare(page, folder, "Two regions in a volume", "ball.nii.gz")
    draw_box(page, canvas, (0.1, 0.4), (0.2, 0.6))
    target = target_of_run(page, folder, "box-run")
    lengths = [high - low for low, high in target["box"]]
    assert all(3 <= length < EDGE / 2 for length in lengths[:2]), target
    assert lengths[2] == 9, target  # four voxels to both sides of the slice
    assert all(0 <= low < high <= EDGE for low, high in target["box"]), target


def test_a_box_is_drawn_in_a_picture(page: Page, folder: Path) -> None:
    canvas = prepare(page, folder, "Two regions in a picture", "colours.png")
    draw_box(page, canvas, (0.4, 0.25), (0.6, 0.35))
    rows, columns = target_of_run(page, folder, "flat-box-run")["box"]
    assert 2 <= rows[1] - rows[0] < columns[1] - columns[0]
    assert 0 <= rows[0] < rows[1] < 24  # drawn in the upper half
    assert columns[0] < 32 < columns[1]


def test_the_prediction_lies_over_the_preview(page: Page, folder: Path) -> None:
    user.choose_model(page, "A ball in a volume")
    user.upload(page, folder / "images" / "ball.nii.gz")
    canvas = page.locator(".preview canvas").first
    settle(page, canvas)
    assert share(canvas, BLUE) < 1e-4
    page.get_by_role("button", name="Show what the model predicts").click()
    said = page.get_by_text("The outline is the model’s segmentation: outside, inside.")
    expect(said).to_be_visible(timeout=user.LONG)
    wait_for_share(page, canvas, BLUE, 0.001)
    user.choose_model(page, "Two regions in a volume")
    expect(said).to_have_count(0)
