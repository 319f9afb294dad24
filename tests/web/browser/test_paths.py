"""The whole way, as a user goes it, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from . import user


def test_a_volume_from_upload_to_a_map_under_the_cursor(page: Page, folder: Path) -> None:
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "ball.nii.gz")
    user.choose_methods(page, "Saliency", "Input × gradient")
    user.to_parameters(page)
    user.start(page, "volume-path")
    user.wait_until_done(page)
    user.look(page)
    canvas = page.locator(".tile canvas").first
    user.wait_for_colour(page, canvas, 200)
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.18, box["y"] + box["height"] * 0.5)
    expect(page.locator(".tile .foot output").first).to_contain_text("image")


def test_a_picture_from_upload_to_a_map_under_the_cursor(page: Page, folder: Path) -> None:
    user.choose_model(page, "Two regions in a picture")
    user.upload(page, folder / "images" / "colours.png")
    user.choose_methods(page, "Saliency")
    user.to_parameters(page)
    user.start(page, "picture-path")
    user.wait_until_done(page)
    user.look(page)
    canvas = page.locator(".tile canvas").first
    user.wait_for_colour(page, canvas, 1000)
    canvas.hover()
    expect(page.locator(".tile .foot output").first).to_contain_text("map")


def test_a_wrong_parameter_is_named_in_place_and_put_right(page: Page, folder: Path) -> None:
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "ball.nii.gz")
    user.choose_methods(page, "Integrated gradients")
    user.to_parameters(page)
    steps = page.get_by_role("textbox", name="Steps")
    steps.fill("0")
    expect(page.get_by_text("must be at least 1")).to_be_visible()
    expect(steps).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    steps.fill("2")
    expect(page.get_by_text("must be at least 1")).to_have_count(0)
    user.start(page, "corrected")
    user.wait_until_done(page)


def long_run(page: Page, folder: Path, name: str) -> None:
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "ball.nii.gz")
    user.choose_methods(page, "Saliency", "SmoothGrad")
    user.to_parameters(page)
    page.get_by_role("textbox", name="Samples").fill("2000")
    user.start(page, name)
    expect(page.locator("h1 + .status")).to_have_text("running", timeout=user.LONG)


def test_a_run_is_cancelled(page: Page, folder: Path) -> None:
    long_run(page, folder, "cancelled-run")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 + .status")).to_have_text("cancelled", timeout=user.LONG)


def test_a_run_goes_on_when_the_page_is_loaded_anew(page: Page, folder: Path) -> None:
    long_run(page, folder, "reloaded-run")
    page.reload()
    expect(page.get_by_role("heading", name="reloaded-run")).to_be_visible()
    expect(page.locator("h1 + .status")).to_have_text("running")
    expect(page.get_by_text("SmoothGrad").first).to_be_visible(timeout=user.LONG)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 + .status")).to_have_text("cancelled", timeout=user.LONG)


def test_two_maps_are_linked(page: Page, folder: Path) -> None:
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "ball.nii.gz")
    user.choose_methods(page, "Saliency", "Input × gradient")
    user.to_parameters(page)
    user.start(page, "linked-run")
    user.wait_until_done(page)
    user.look(page)
    first, second = page.locator(".tile canvas").nth(0), page.locator(".tile canvas").nth(1)
    user.wait_for_colour(page, second, 200)
    before = user.pixels(second)
    box = first.bounding_box()
    assert box is not None
    first.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.2})
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    assert (user.pixels(second) != before).any(), "the crosshair of the second map did not move"
    values = page.locator(".tile .foot output").all_inner_texts()
    assert values[0].split("image")[1] == values[1].split("image")[1]


def test_what_failed_says_why(page: Page, folder: Path) -> None:
    user.choose_model(page, "A model with odd operations")
    user.upload(page, folder / "images" / "ball.nii.gz")
    user.choose_methods(page, "Saliency", "DeepLIFT")
    user.to_parameters(page)
    user.start(page, "failing-run")
    user.wait_until_done(page)
    page.get_by_role("tab", name="Maps").click()
    row = page.locator("tr[data-map=deeplift]").first
    expect(row).not_to_have_attribute("data-status", "ok")
    expect(row.locator(".reason")).not_to_be_empty()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_alone_leads_to_a_run(page: Page, folder: Path, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    press_to(page, "radio", "Two regions in a volume", "Space")
    upload = page.locator("label.zone", has_text="Drop images").locator("input")
    with page.expect_file_chooser() as chooser:
        press_to(page, "file", "", "Enter")
    chooser.value.set_files(folder / "images" / "ball.nii.gz")
    expect(page.get_by_role("textbox", name="Name of ball")).to_be_visible()
    assert upload.is_enabled()
    press_to(page, "a", "Choose methods", "Enter")
    press_to(page, "checkbox", "Saliency", "Space")
    press_to(page, "a", "Set parameters", "Enter")
    expect(page.get_by_role("button", name="Start")).to_be_enabled()
    press_to(page, "button", "Start", "Enter")
    expect(page.locator("h1 + .status")).to_be_visible()


def press_to(page: Page, kind: str, name: str, key: str) -> None:
    """Tab to a control, as it is named, and press a key."""
    for _ in range(400):
        page.keyboard.press("Tab")
        found = page.evaluate(NAME_OF_FOCUSED)
        if kind in (found["tag"], found["type"]) and name in found["name"]:
            page.keyboard.press(key)
            return
    raise AssertionError(f"Tab never comes to {name!r}")


NAME_OF_FOCUSED = """() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent ?? '';
  return {tag: element.tagName.toLowerCase(), type: element.type ?? '', name: label.trim()};
}"""
