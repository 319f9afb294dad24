"""Configs from elsewhere, in a real browser: what is loaded comes out again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from torchesegeta.config import parse_config

from . import user

WRITTEN: dict[str, Any] = {
    "preprocess": [],
    "target": {"kind": "region", "class": "inside", "voxel": [20, 21, 22]},
    "layers": ["0"],
    "methods": ["saliency", {"name": "smoothgrad", "label": "smoother", "samples": 3}],
    "evaluation": {
        "metrics": ["gini", {"name": "sensitivity", "samples": 2}],
        "cascading_randomisation": {"methods": ["saliency"]},
    },
    "patches": {"size": [24, 24, 24], "overlap": 0.5, "blend": "gaussian"},
    "agreement": False,
    "channels": "keep",
    "execution": {"devices": ["cpu"], "workers_per_device": 1, "executor": {"kind": "local"}},
    "notes": ["For the reader."],
}
"""As a user may have written it; the model and images are those of the test's folder."""


def written(folder: Path) -> dict[str, Any]:
    image = {"path": [str(folder / "images" / "ball.nii.gz")], "label": str(folder / "images" / "inside.nii.gz")}
    model = {"factory": f"{folder}/nets.py:Volume", "activation": "softmax", "class_names": ["outside", "inside"]}
    return {"model": model, "images": [image], **WRITTEN, "output": str(folder / "runs" / "from-elsewhere")}


def load(page: Page, path: Path) -> None:
    page.get_by_label("Config file").set_input_files(path)


def download(page: Page, folder: Path) -> dict[str, Any]:
    page.get_by_role("button", name="Config, command, Python").click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    path = folder / "downloaded.json"
    started.value.save_as(path)
    page.get_by_role("button", name="Close").click()
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_a_loaded_config_comes_out_as_it_was(page: Page, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(written(folder)), encoding="utf-8")
    page.get_by_role("link", name="Parameters").first.click()
    load(page, path)
    expect(page.get_by_role("textbox", name="Samples")).to_have_value("3")
    kept = page.get_by_label("Also from the loaded config")
    expect(kept.get_by_text("evaluation.cascading_randomisation")).to_be_visible()
    came = download(page, tmp_path)
    assert parse_config(came, Path()) == parse_config(written(folder), Path())
    path.write_text(json.dumps(came), encoding="utf-8")
    load(page, path)
    assert download(page, tmp_path) == came
    kept.get_by_role("button", name="Leave out channels").click()
    assert "channels" not in download(page, tmp_path)
    page.get_by_role("link", name="Methods").first.click()
    expect(page.get_by_role("checkbox", name="Cascading randomisation How")).to_be_checked()
    expect(page.get_by_text("From the loaded config: samples 2")).to_be_visible()
    page.get_by_role("link", name="What to explain").first.click()
    expect(page.get_by_text("now 20, 21, 22")).to_be_visible()


def test_a_loaded_config_runs_as_it_says(page: Page, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(written(folder)), encoding="utf-8")
    page.get_by_role("link", name="Parameters").first.click()
    load(page, path)
    page.get_by_role("button", name="Start").click()
    user.wait_until_done(page)
    config = json.loads((folder / "runs" / "from-elsewhere" / "run.json").read_text(encoding="utf-8"))["config"]
    assert config["target"]["voxel"] == [20, 21, 22]
    assert config["evaluation"]["cascading_randomisation"] == {"methods": ["saliency"]}
    assert config["channels"] == "keep"
    page.get_by_role("tab", name="Maps").click()
    expect(page.locator("tr[data-map=smoother]")).to_have_count(1)


def test_what_cannot_be_had_here_is_said(page: Page, folder: Path, tmp_path: Path) -> None:
    config = {**written(folder), "execution": {"executor": {"kind": "ray"}}}
    config["images"] = [{**config["images"][0], "label": "/elsewhere/label.nii.gz"}]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    page.get_by_role("link", name="Parameters").first.click()
    load(page, path)
    expect(page.get_by_text("is in no folder that is served")).to_be_visible()
    expect(page.get_by_text("this is for the command line")).to_be_visible()
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    path.write_text("{", encoding="utf-8")
    load(page, path)
    expect(page.get_by_text("is not JSON")).to_be_visible()
