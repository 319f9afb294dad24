"""The table of maps, cascades, two runs side by side, and run folders from elsewhere, in a real browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import docs.browser

from . import made, user

SMOOTH = {"name": "smoothgrad", "samples": 2}
JUDGED = {"metrics": ["gini"], "cascading_randomisation": {}, "verdict": {}}
QUESTIONS = ("Learnt?", "Stable?", "Faithful?", "Complete?")


@pytest.fixture(scope="session")
def judged(link: str) -> str:
    """A run with a verdict, a metric and a cascade."""
    config = made.config("ball", "saliency", "input_x_gradient", SMOOTH, evaluation=JUDGED, output="judged")
    return made.run(link, config)


@pytest.fixture(scope="session")
def other(link: str) -> str:
    """The same image and class, another model, fewer methods."""
    return made.run(link, made.config("unruled", "saliency", output="other"))


def open_run(page: Page, link: str, run: str) -> None:
    page.goto(f"{link.partition('?')[0]}#/run/{run}")
    page.get_by_role("tab", name="Maps").click()


def column(page: Page, title: str) -> list[str]:
    """The cells of a column of the table of maps, from the top."""
    heads = page.locator("section[aria-label='All maps'] th").all_inner_texts()
    place = next(number for number, head in enumerate(heads) if head.startswith(title))
    return [row.locator("td").nth(place).inner_text() for row in page.locator("tr[data-map]").all()]


def sort(page: Page, title: str) -> Locator:
    head = page.locator("section[aria-label='All maps'] th", has_text=title)
    head.get_by_role("button").first.click()
    return head


def test_the_table_tells_verdicts_and_metrics(page: Page, link: str, judged: str) -> None:
    open_run(page, link, judged)
    expect(page.locator("tr[data-map]")).to_have_count(3)
    for question in QUESTIONS:
        assert all(cell.split()[0] in ("yes", "weak", "no", "not") for cell in column(page, question)), question
    assert all(float(cell.replace("−", "-")) == float(cell.replace("−", "-")) for cell in column(page, "Gini"))


def test_the_table_is_sorted_by_verdicts_and_metrics(page: Page, link: str, judged: str) -> None:
    open_run(page, link, judged)
    head = sort(page, "Gini")
    expect(head).to_have_attribute("aria-sort", "ascending")
    values = [float(cell.replace("−", "-")) for cell in column(page, "Gini")]
    assert values == sorted(values)
    expect(sort(page, "Gini")).to_have_attribute("aria-sort", "descending")
    assert [float(cell.replace("−", "-")) for cell in column(page, "Gini")] == values[::-1]
    sort(page, "Stable?")
    places = []
    for answer in page.locator("[data-answer=stable]").all():
        answer.locator("button, [tabindex]").first.hover()
        places.append(
            int(page.get_by_role("tooltip").filter(visible=True).inner_text().rpartition("Place ")[2].split()[0])
        )
    assert places == sorted(places)


def test_a_slider_goes_through_a_cascade(page: Page, link: str, judged: str) -> None:
    open_run(page, link, judged)
    tile = page.locator(".tile").first
    tile.get_by_text("Weights replaced by chance").click()
    slider = tile.get_by_role("slider", name="Step of the cascade")
    expect(tile.get_by_text("the trained model")).to_be_visible()
    picture = tile.locator("details canvas").first
    page.wait_for_timeout(500)
    before = user.pixels(picture)
    slider.press("End")
    expect(slider).not_to_have_attribute("aria-valuetext", "original")
    expect(tile.get_by_text("Likeness to the original")).to_be_visible()
    page.wait_for_timeout(500)
    assert (user.pixels(picture) != before).any(-1).mean() > 0.02


def test_two_runs_map_by_map(page: Page, link: str, judged: str, other: str) -> None:
    page.goto(f"{link.partition('?')[0]}#/runs")
    compare = page.get_by_role("button", name="Compare two")
    expect(compare).to_be_disabled()
    page.get_by_role("checkbox", name=f"Compare {judged}", exact=True).check()
    page.get_by_role("checkbox", name=f"Compare {other}", exact=True).check()
    compare.click()
    expect(page.get_by_role("heading", name=f"{judged} and {other}")).to_be_visible()
    pair = page.get_by_role("region", name="Saliency · inside")
    expect(pair.locator(".tile")).to_have_count(2)
    for number in range(2):
        user.wait_for_colour(page, pair.locator(".tile canvas").nth(number), 100)
    lone = page.get_by_role("region", name="Input × gradient · inside")
    expect(lone.locator(".tile")).to_have_count(1)
    expect(lone.get_by_text("This run has no such map.")).to_be_visible()
    first, second = (pair.locator(".tile canvas").nth(number) for number in range(2))
    before = user.pixels(second)
    box = first.bounding_box()
    assert box is not None
    first.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.3})
    page.wait_for_timeout(800)
    assert (user.pixels(second) != before).any(), "the crosshair of the other run did not move"


@pytest.fixture
def elsewhere(browser: Browser, folder: Path, judged: str, tmp_path: Path) -> Iterator[Page]:
    """A page on a run folder that was brought from elsewhere; its model is in no catalogue, its image is served."""
    shutil.copytree(folder / "runs" / judged, tmp_path / "runs" / "study" / "brought")
    entry: dict[str, Any] = {"id": "gone", "name": "Another", "spatial_dims": 2, "model": {"factory": "gone.py:Net"}}
    (tmp_path / "models.json").write_text(json.dumps({"models": [entry]}), encoding="utf-8")
    served = ("--models", str(tmp_path / "models.json"), "--images", str(folder / "images"))
    with docs.browser.serving(tmp_path / "runs", *served) as link:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(link)
        yield page
        page.close()


def test_a_run_folder_opens_without_its_model(elsewhere: Page) -> None:
    elsewhere.get_by_role("link", name="Runs").first.click()
    elsewhere.get_by_role("link", name="study/brought").click()
    expect(elsewhere.locator("h1 + .status")).to_have_text("done")
    user.look(elsewhere)
    user.wait_for_colour(elsewhere, elsewhere.locator(".tile canvas").first, 100)
    expect(elsewhere.locator("tr[data-map]")).to_have_count(3)


def test_weights_of_ones_own(page: Page, folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torch import nn

    net = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 3, padding=1))
    save_file(net.state_dict(), tmp_path / "mine.safetensors")
    bomb = tmp_path / "bomb.pt"
    bomb.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    user.choose_model(page, "A ball in a volume")
    zone = page.locator("label.zone", has_text="Drop a checkpoint").locator("input")
    zone.set_input_files(bomb)
    expect(page.get_by_text("is no file of torch.save")).to_be_visible()
    zone.set_input_files(tmp_path / "mine.safetensors")
    expect(page.get_by_text("mine.safetensors are used.")).to_be_visible()
    user.upload(page, folder / "images" / "small.nii.gz")
    user.choose_methods(page, "Saliency")
    user.to_parameters(page)
    user.start(page, "own-weights")
    user.wait_until_done(page)
    about = json.loads((folder / "runs" / "own-weights" / "run.json").read_text(encoding="utf-8"))
    checkpoint = Path(about["config"]["model"]["checkpoint"])
    assert checkpoint.name == "mine.safetensors"
    assert checkpoint.read_bytes() == (tmp_path / "mine.safetensors").read_bytes()
