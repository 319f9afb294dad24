"""The screens themselves: sets of methods, what can be copied, sizes, and what they say while there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from . import project, user

SIZES = {"small": (1100, 800), "wide": (3840, 2160)}


def test_sets_of_methods(page: Page, folder: Path) -> None:
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "small.nii.gz")
    user.choose_methods(page)
    counts = []
    for preset in ("Quick look", "The paper's set", "Everything"):
        page.get_by_role("button", name=preset).click()
        counts.append(page.get_by_role("checkbox", checked=True, disabled=False).count())
        expect(page.get_by_role("heading", name="methods chosen")).to_be_visible()
    assert 1 < counts[0] < counts[1] < counts[2]
    page.get_by_role("button", name="Choose none").click()
    assert page.get_by_role("checkbox", name="Saliency", exact=True).is_checked() is False
    page.get_by_placeholder("Search methods").fill("occlusion")
    expect(page.get_by_role("checkbox", name="Occlusion", exact=True)).to_be_visible()
    expect(page.get_by_role("checkbox", name="Saliency", exact=True)).to_be_hidden()


def test_a_command_and_python_to_copy(page: Page, folder: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "small.nii.gz")
    user.choose_methods(page, "Saliency")
    user.to_parameters(page)
    page.get_by_role("button", name="Config, command, Python").click()
    dialog = page.get_by_role("dialog")
    for title, wanted in (("Command line", "esegeta run"), ("Python", "te.")):
        part = dialog.locator("section", has=page.get_by_role("heading", name=title, exact=True))
        part.get_by_role("button", name="Copy").click()
        expect(part.get_by_role("button", name="Copied")).to_be_visible()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == part.locator("pre").inner_text() and wanted in copied
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("size", SIZES)
def test_no_screen_is_wider_than_the_window(page: Page, folder: Path, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    user.choose_model(page, "Two regions in a volume")
    user.upload(page, folder / "images" / "small.nii.gz")
    fits(page)
    user.choose_methods(page, "Saliency", "SmoothGrad", "Occlusion")
    fits(page)
    user.to_parameters(page)
    fits(page)
    user.start(page, f"sized-{size}")
    user.wait_until_done(page)
    fits(page)
    user.look(page)
    fits(page)
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    fits(page)


def fits(page: Page) -> None:
    """Nothing is cut off at the side, or has to be scrolled to."""
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= seen, page.url


def test_what_is_said_while_there_is_nothing(browser: Browser, tmp_path: Path) -> None:
    project.write(tmp_path)
    with project.serving(tmp_path) as link:
        page = browser.new_page()
        page.goto(link)
        page.get_by_role("link", name="Runs", exact=True).click()
        expect(page.get_by_text("No run yet.")).to_be_visible()
        page.get_by_role("link", name="New run").first.click()
        user.choose_model(page, "Two regions in a volume")
        page.get_by_role("link", name="Choose methods").click()
        expect(page.get_by_role("link", name="Set parameters")).to_be_visible()
        page.close()
