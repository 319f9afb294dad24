from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from torchesegeta.errors import StoreError
from torchesegeta.report import write_report
from torchesegeta.report.pictures import Album

from .support import CATALOGUE, record, write_figure, write_run


class Reader(HTMLParser):
    """Collects what a report is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another tag"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += " " + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(folder: Path) -> Reader:
    reader = Reader(write_report(folder, catalogue=CATALOGUE).read_text(encoding="utf-8"))
    assert not reader.open
    return reader


def test_a_report_holds_what_the_run_made(tmp_path: Path) -> None:
    strip = {"record": "figure", "kind": "layer_strip", "image": "head", "label": "layer_gradcam", "target": "vessel"}
    folder = write_run(
        tmp_path / "brain",
        [
            record(files=write_figure(tmp_path / "brain", "figures/head/saliency.png")),
            record("layer_gradcam", layer="encoder.0", measures={"completeness_gap": 1.2e-6}),
            {**strip, "files": write_figure(tmp_path / "brain", "figures/head/strips/a.png")},
        ],
    )
    page = read(folder)
    assert "brain" in page.text and "4 min 3 s" in page.text and "2 ok complete" in page.text
    assert "160 × 160 × 96" in page.text and "left, posterior, superior (LPS)" in page.text
    assert "completeness gap 1.2e-06" in page.text and "Simonyan et al. 2013" in page.text
    assert [image["alt"] for image in page.all("img")] == [
        "Saliency for vessel on head: |∂score/∂x| over the image",
        "Layer Grad-CAM for vessel on head, layer by layer: maps side by side in one slice",
    ]
    assert page.text.index("Gradient") < page.text.index("Class activation map")


def test_it_needs_nothing_else(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [record(files=write_figure(tmp_path, "figures/a.png"))])
    page = read(folder)
    sources = [a.get("src") for _, a in page.tags if a.get("src")]
    assert sources and all(str(source).startswith("data:image/webp;base64,") for source in sources)
    links = [str(a["href"]) for a in page.all("a")]
    assert links and all(link.startswith("#") for link in links)
    anchors = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(anchors) == len(set(anchors)) and {link[1:] for link in links} <= set(anchors)
    assert not page.all("link") and "default-src 'none'" in str(page.all("meta"))


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    changed = record(
        evil, label=evil, target=evil, layer=evil, image=evil, warnings=[evil], reason=evil, status="failed"
    )
    folder = write_run(tmp_path, [changed], config={"model": {"factory": evil}}, warnings=[evil], class_names=[evil])
    page = read(folder)
    assert len(page.all("script")) == 1 and page.text.count(evil) >= 6


def test_warnings_come_before_pictures_and_once(tmp_path: Path) -> None:
    mid_grey = "the baseline is mid-grey"
    maps = [record("saliency", target=name, warnings=[mid_grey]) for name in ("a", "b")]
    page = read(write_run(tmp_path, maps, warnings=["random weights"]))
    assert page.text.index("random weights") < page.text.index(mid_grey) < page.text.index("Find")
    assert page.text.count(mid_grey) == 1 and "2 maps Saliency for a on head Saliency for b on head" in page.text


def test_reasons_of_what_is_missing(tmp_path: Path) -> None:
    maps = [
        record(status="failed", reason="out of memory"),
        record("integrated_gradients", status="partial", reason="12 of 32 steps done"),
    ]
    page = read(write_run(tmp_path, maps))
    assert "1 failed an error; no map" in page.text
    assert "out of memory Saliency for vessel on head" in page.text and "12 of 32 steps done" in page.text
    assert not page.all("img")


@pytest.mark.parametrize(("state", "words"), [("running", "had not finished"), ("interrupted", "was interrupted")])
def test_a_run_without_maps(tmp_path: Path, state: str, words: str) -> None:
    page = read(write_run(tmp_path, [], state=state, images=[], seconds=None, finished=None))
    assert words in page.text and "No maps: nothing has been computed" in page.text


def test_the_last_line_of_a_map_wins_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path, [record(status="failed", reason="power cut"), record()])
    with (folder / "manifest.jsonl").open("a") as stream:
        stream.write('{"record": "map"}\n')
        stream.write(json.dumps(record("integrated_gradients"))[:80])
    page = read(folder)
    assert "1 ok complete" in page.text and "power cut" not in page.text and "Integrated" not in page.text


def test_shared_passes_are_counted_once(tmp_path: Path) -> None:
    maps = [record(), record("integrated_gradients"), record("layer_gradcam", seconds=3.0)]
    assert "Passes 2 forward, 2 backward" in read(write_run(tmp_path, maps)).text


def test_scores_stand_with_their_map(tmp_path: Path) -> None:
    score = {"record": "score", "metric": "infidelity", "value": 0.031, "method": "saliency"}
    place = {"image": "head", "label": "saliency", "layer": None, "target": "vessel"}
    assert "infidelity 0.031" in read(write_run(tmp_path, [record(), {**score, **place}])).text


def test_unknown_methods_and_labels_have_names(tmp_path: Path) -> None:
    files = write_figure(tmp_path, "figures/a.png")
    page = read(write_run(tmp_path, [record("my_method", label="ours", files=files)]))
    assert "ours (My method)" in page.text and "Other methods" in page.text


@pytest.mark.parametrize("name", ["figures/gone.png", "../outside.png", "figures/text.png"])
def test_pictures_that_cannot_be_shown_are_named(tmp_path: Path, name: str) -> None:
    write_figure(tmp_path, "outside.png")
    folder = write_run(tmp_path / "run", [record(files={"figure": name})])
    (folder / "figures").mkdir()
    (folder / "figures" / "text.png").write_text("no picture")
    page = read(folder)
    assert f"The picture {name} is not in the run folder" in page.text and not page.all("img")


def test_pictures_keep_to_their_budget(tmp_path: Path) -> None:
    name = write_figure(tmp_path, "noise.png", side=500, noisy=True)["figure"]
    few, many = Album(tmp_path, 1).picture(name), Album(tmp_path, 1000).picture(name)
    assert few is not None and many is not None
    assert len(few.url) < 300_000 and len(many.url) < 30_000
    assert (many.width, many.height) == (500, 500), "the page is laid out for the figure's own size"


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=re.escape("is no run folder")):
        write_report(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        write_report(tmp_path)


def test_the_registry_is_the_catalogue_unless_another_is_given(tmp_path: Path) -> None:
    page = Reader(write_report(write_run(tmp_path, [record()])).read_text(encoding="utf-8"))
    assert "Saliency" in page.text


def test_of_very_many_images_the_first_are_shown(tmp_path: Path) -> None:
    records = [record(method, image=f"i{n}", seconds=2.0) for n in range(3000) for method in CATALOGUE]
    records[-1] |= {"status": "failed", "reason": "the file is cut off"}
    page = read(write_run(tmp_path / "run", records, config={"images": [{"path": f"i{n}"} for n in range(3000)]}))
    assert "3,000 images. Figures and the table of maps show 1,666 of them, the first: i0 to i1665." in page.text
    assert "8999 ok" in page.text and "1 failed" in page.text and "the file is cut off" in page.text
    assert "Saliency 3000 – 2 s" in page.text and "Grad-CAM 2999 1 2 s" in page.text
    assert "i1665" in page.text and "and 2950 more; all are in run.json" in page.text
    assert len(page.all("tr")) < 5100


def test_many_figures_are_those_of_the_first_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchesegeta.report.write.FIGURES", 3)
    files = write_figure(tmp_path / "run", "figures/one.png")
    records = [record(method, image=image, files=files) for image in "abcd" for method in ("saliency", "layer_gradcam")]
    page = read(write_run(tmp_path / "run", records))
    assert "show 1 of them, the first: a." in page.text and len(page.all("img")) == 2
