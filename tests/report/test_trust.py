"""The chapter "Can these explanations be trusted?"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .support import record, write_run
from .test_report import Reader, read

STEPS = ["original", "head", "stem"]


def score(metric: str, value: float | None, **changes: Any) -> dict[str, Any]:
    place = {"record": "score", "method": "saliency", "label": "saliency", "image": "head", "target": "vessel"}
    about: dict[str, Any] = {
        "metric": metric,
        "metric_name": metric,
        "value": value,
        "layer": None,
        "status": "ok",
        "files": {},
    }
    return {**place, **about, "measures": {}, "steps": [], "curves": {}, "parameters": {}, **changes}


def cascade(folder: Path, *, whole: bool = True) -> dict[str, Any]:
    (folder / "evaluation").mkdir(parents=True, exist_ok=True)
    if whole:
        save_file({f"axis{n}": torch.rand(3, 4, 5) for n in range(3)}, folder / "evaluation" / "a.safetensors")
    curves = {"spearman_inside": [1.0, 0.9, 0.95], "ssim": [1.0, None, 0.2]}
    files = {"arrays": "evaluation/a.safetensors"}
    return score("cascading_randomisation", 0.9, steps=STEPS, curves=curves, files=files)


def report(folder: Path, records: list[dict[str, Any]]) -> Reader:
    return read(write_run(folder, [record(), *records]))


def test_the_report_opens_with_the_verdicts(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    page = report(
        folder, [cascade(folder), score("sensitivity", 0.1), score("gini", None, status="failed", reason="no")]
    )
    sections = [tag.get("id") for tag in page.all("section")]
    assert sections[:2] == ["trust", "summary"]
    assert "Does it depend on what was learnt? Does it stay" in page.text
    assert "no 0.95, place 1" in page.text and "yes 0.1, place 1" in page.text and "not tested" in page.text
    assert "yes up to 0.5, no above 0.8" in page.text and "gini: no" in page.text
    names = {image.get("alt") for image in page.all("img")}
    assert {"Cascading randomisation", "Weights drawn anew: head, vessel"} <= names
    assert (folder / "figures" / "evaluation").is_dir()


def test_scores_without_a_verdict_say_how_to_get_one(tmp_path: Path) -> None:
    page = report(tmp_path / "run", [score("gini", 0.5)])
    assert "esegeta evaluate run --verdict" in page.text and "0.5" in page.text


def test_what_is_gone_costs_no_report(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    page = report(
        folder, [cascade(folder, whole=False), score("deletion", 0.2, steps=["0", "1"], curves={"score": [1.0]})]
    )
    assert not any("Weights drawn anew" in (image.get("alt") or "") for image in page.all("img"))


def test_methods_of_alike_names_keep_their_tables_apart(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    about = {"steps": ["brain"], "curves": {"share": [1.0], "volume": [1.0]}, "target_index": 1}
    names = ("mine.1", "mine-1", "mine 1")
    report(folder, [score("region_shares", 1.0, label=name, **about) for name in names])
    assert len(list((folder / "evaluation").glob("region_shares__*.csv"))) == len(names)


def test_a_run_without_scores_has_no_such_chapter(tmp_path: Path) -> None:
    assert "trust" not in [tag.get("id") for tag in report(tmp_path / "run", []).all("section")]
