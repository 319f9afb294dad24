from __future__ import annotations

from pathlib import Path
from typing import Any

from .support import record, write_figure, write_run
from .test_report import Reader, read

CHAPTER = "What the network has learnt"
REACHED = {"objective_before": 0.125, "objective_reached": 5.5}


def picture(**changes: Any) -> dict[str, Any]:
    """A manifest line of a picture of a layer's channel."""
    chosen: dict[str, Any] = {
        "method": "feature_visualization",
        "label": "feature_visualization",
        "target": "channel 3",
        "target_index": 3,
        "layer": "encoder.1",
        "shows": "picture",
        "of_model": True,
        "measures": REACHED,
        "quantity": "picture that excites the channel",
    }
    return record(**{**chosen, **changes})


def several(kind: str, members: list[dict[str, Any]], files: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A manifest line of a figure of several pictures."""
    first = members[0]
    same = {name: first[name] for name in ("method", "label", "image", "shows", "of_model", "layer")}
    places = [{"layer": one["layer"], "target": one["target"]} for one in members]
    return {"record": "figure", "kind": kind, "target": None, **same, "members": places, "files": files, **changes}


def chapter(page: Reader) -> str:
    """The chapter's text."""
    start = page.text.rindex(CHAPTER)
    return page.text[start : page.text.index("Provenance", start)]


def test_a_run_of_maps_has_no_such_chapter(tmp_path: Path) -> None:
    page = read(write_run(tmp_path, [record()]))
    assert CHAPTER not in page.text and "Maps and pictures" not in page.text


def test_pictures_have_a_chapter_of_their_own_and_are_in_the_table(tmp_path: Path) -> None:
    files = write_figure(tmp_path, "figures/a.png")
    page = read(write_run(tmp_path, [picture(files=files), record(files=write_figure(tmp_path, "figures/b.png"))]))
    text = chapter(page)
    assert "They are not maps" in text and "Nothing that is seen in them is a finding" in text
    assert "Feature visualization for channel 3 at encoder.1" in text and "objective 0.125 → 5.5" in text
    assert "the model itself" in text and "head" not in text, "a picture of the model is of no image"
    assert "left and right" not in text and "SSIM" not in text
    assert "Maps and pictures" in page.text and "channel 3 encoder.1 head ok" in page.text
    assert "Explained vessel" in page.text, "a channel is not what was explained"
    assert [image["alt"] for image in page.all("img")] == [
        "Saliency for vessel on head: |∂score/∂x| over the image",
        "Feature visualization for channel 3 at encoder.1: picture that excites the channel",
    ]


def test_the_table_links_to_the_sheet_that_shows_a_picture(tmp_path: Path) -> None:
    made = [picture(target=f"channel {n}", target_index=n) for n in range(3)]
    made[2] |= {"status": "failed", "reason": "channel 2 is dead"}
    sheet = several("sheet", made, write_figure(tmp_path, "figures/sheets/a.png"))
    page = read(write_run(tmp_path, [*made, sheet]))
    links = [str(link["href"]) for link in page.all("a")]
    assert links.count("#figure-0") == 3
    (figure,) = page.all("figure")
    assert figure == {"id": "figure-0", "class": "wide"}
    assert "Feature visualization at encoder.1, side by side" in page.text
    assert "failed channel 2 at encoder.1: channel 2 is dead" in chapter(page)
    assert "What each picture reached (2)" in chapter(page)


def test_pictures_of_an_image_are_told_apart_from_it(tmp_path: Path) -> None:
    dream = {"method": "deep_dream", "label": "deep_dream", "of_model": False, "target": None, "target_index": None}
    made = [picture(**dream, layer=f"encoder.{n}", measures={**REACHED, "ssim": 0.62}) for n in range(2)]
    strip = several("picture_strip", made, write_figure(tmp_path, "figures/strips/a.png"), layer=None)
    text = chapter(read(write_run(tmp_path, [*made, strip])))
    assert "comes from the network, not from the patient" in text and "SSIM compares" in text
    assert "Deep dream on head, beside the image" in text
    assert "at encoder.1 of head ok objective 0.125 → 5.5; SSIM 0.62" in text


def test_a_method_without_any_picture_says_why(tmp_path: Path) -> None:
    made = picture(status="timeout", reason="the deadline passed", measures={}, label="big")
    text = chapter(read(write_run(tmp_path, [made])))
    assert "big (Feature visualization)" in text and "No picture was made; the reasons are below." in text
    assert "timeout channel 3 at encoder.1: the deadline passed" in text
    assert "The numbers" not in text and "What each picture reached" not in text


def test_a_picture_whose_figure_is_gone_is_named(tmp_path: Path) -> None:
    page = read(write_run(tmp_path, [picture(files={"figure": "figures/gone.png"})]))
    assert "The picture figures/gone.png is not in the run folder" in chapter(page)


def test_a_partial_picture_is_there_and_says_so(tmp_path: Path) -> None:
    files = write_figure(tmp_path, "figures/a.png")
    text = chapter(read(write_run(tmp_path, [picture(status="partial", reason="after 12 steps", files=files)])))
    assert "partial channel 3 at encoder.1: after 12 steps" in text and "What each picture reached (1)" in text


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    made = picture(target=evil, layer=evil, label=evil, image=evil, status="failed", reason=evil, of_model=False)
    page = read(write_run(tmp_path, [made]))
    assert len(page.all("script")) == 1 and chapter(page).count(evil) >= 4
