from __future__ import annotations

import errno
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

import torchesegeta as te
from torchesegeta.attributions import Attributions
from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger import Ledger, check_folder, read_manifest, read_run
from torchesegeta.ledger.records import to_line
from torchesegeta.store import describe, file_stem, save_map, slug, write_sidecar
from torchesegeta.types import Attribution, Grid, Image

AFFINE = np.array([[0, -0.5, 0, 11], [0.7, 0, 0, -20], [0, 0, 1.2, 5], [0, 0, 0, 1]], dtype=float)


def attribution(**changes: Any) -> Attribution:
    chosen: dict[str, Any] = {
        "method": "saliency",
        "label": "saliency",
        "target": "white matter",
        "target_index": 1,
        "layer": None,
        "image": "a",
        "values": torch.rand(1, 4, 5, 6),
        "affine": AFFINE,
        "parameters": {"absolute": True},
    }
    return Attribution(**{**chosen, **changes})


@pytest.fixture
def image() -> Image:
    return Image(torch.rand(1, 4, 5, 6), AFFINE, "a")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "run") as opened:
        yield opened


def put(store: Ledger, image: Image | None, **changes: Any) -> dict[str, Any]:
    """Store a map and close its task."""
    one = attribution(**changes)
    record = describe(one)
    save_map(store.folder, one, image, record, "sum")
    write_sidecar(store.folder, record)
    store.close_task(one.image, one.method, one.label, [record])
    return record


def test_a_map_its_sidecar_and_its_line_agree(store: Ledger, image: Image) -> None:
    record = put(store, image)
    path = store.folder / record["files"]["values"]
    assert path.name == "saliency__white_matter.nii.gz"
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert json.loads((store.folder / record["files"]["sidecar"]).read_text()) == record
    lines = list(read_manifest(store.folder))
    assert lines[0] == record
    assert lines[1] == {
        "record": "task", "method": "saliency", "label": "saliency", "image": "a", "status": "ok", "maps": 1
    }  # fmt: skip
    np.testing.assert_allclose(nibabel.load(path).affine, AFFINE)


def test_measures_that_json_cannot_hold_become_null_with_a_warning(store: Ledger, image: Image) -> None:
    parameters = {"sigma": math.inf, "steps": [1, math.nan]}
    put(store, image, measures={"gap": math.nan, "share": np.float32(0.5)}, parameters=parameters)
    text = (store.folder / "manifest.jsonl").read_text()
    assert "NaN" not in text and "Infinity" not in text
    record = json.loads(text.splitlines()[0])
    assert record["measures"] == {"gap": None, "share": 0.5}
    assert record["warnings"] == ["gap is nan: it cannot be told"]
    assert record["parameters"] == {"sigma": "inf", "steps": [1, "nan"]}


@pytest.mark.parametrize(
    ("statuses", "task"),
    [
        (["ok", "ok"], "ok"),
        (["ok", "failed"], "failed"),
        (["timeout", "ok"], "timeout"),
        (["ok", "incompatible"], "ok"),
        (["incompatible"], "incompatible"),
    ],
)
def test_a_task_has_the_worst_status_of_its_maps(store: Ledger, statuses: list[str], task: str) -> None:
    maps = [attribution(values=None, status=status, target=str(i)) for i, status in enumerate(statuses)]
    store.close_task("a", "saliency", "saliency", list(map(describe, maps)))
    assert list(read_manifest(store.folder))[-1]["status"] == task


def test_only_finished_tasks_survive_opening_again(tmp_path: Path, image: Image) -> None:
    folder = tmp_path / "run"
    with Ledger.open(folder) as store:
        put(store, image)
        put(store, image, label="again", status="failed", values=None)
        save_map(folder, attribution(label="halfway"), image, describe(attribution(label="halfway")), "sum")
        (folder / "attributions" / "a" / ".part-1-x.nii.gz").write_bytes(b"half")
    with (folder / "manifest.jsonl").open("ab") as stream:
        stream.write(to_line(describe(attribution(label="halfway"))) + b'{"record": "map", "la')
    with Ledger.open(folder) as store:
        assert store.finished == {("a", "saliency")}
        put(store, image, label="next")
    assert [r["label"] for r in read_manifest(folder)] == ["saliency", "saliency", "next", "next"]
    assert not list(folder.rglob(".part-*"))


@pytest.mark.parametrize("damage", ["values", "sidecar"])
def test_a_task_whose_files_were_touched_is_not_finished(tmp_path: Path, image: Image, damage: str) -> None:
    with Ledger.open(tmp_path / "run") as store:
        record = put(store, image)
    path = tmp_path / "run" / record["files"][damage]
    if damage == "values":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    with Ledger.open(tmp_path / "run") as store:
        assert store.finished == set()


def test_one_writer_at_a_time(store: Ledger) -> None:
    with pytest.raises(StoreError, match="another process is writing to"):
        Ledger.open(store.folder)
    store.close()
    Ledger.open(store.folder).close()


def test_folders_that_a_run_cannot_go_to(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", {})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file; a run needs a folder"):
        check_folder(tmp_path / "file", {})
    with pytest.raises(ConfigError, match=r"holds 'file' and no run; choose another folder"):
        check_folder(tmp_path, {})
    with pytest.raises(StoreError, match="cannot be written"):
        Ledger.open(tmp_path / "file" / "run")


def test_another_run_is_refused_and_what_differs_is_named(store: Ledger) -> None:
    store.write_run({"identity": {"seed": 0, "methods": ["saliency"], "files": {"images[0].path[0]": "1f"}}})
    same = {"seed": 0, "methods": ["saliency"], "files": {"images[0].path[0]": "1f"}}
    check_folder(store.folder, same)
    with pytest.raises(ConfigError, match=r"holds a run that differs in seed, methods; choose"):
        check_folder(store.folder, {**same, "seed": 1, "methods": []})
    with pytest.raises(ConfigError, match=r"differs in the file of images\[0\]\.path\[0\]; choose"):
        check_folder(store.folder, {**same, "files": {"images[0].path[0]": "2e"}})


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no run folder: it has no run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"state": ')
    with pytest.raises(StoreError, match=r"run\.json cannot be read"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(StoreError, match="holds no JSON object"):
        read_run(tmp_path)


def test_a_full_disk_leaves_what_was_there(store: Ledger, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    put(store, image)
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StoreError, match=r"cannot be written: No space left on device"):
        put(store, image, label="other")
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("one", "other"),
    [("a b", "a+b"), ("a__b", "a_b"), ("a/b", "a\\b"), ("a_", "a"), ("x" * 80, "x" * 81), ("é" * 60, "é" * 61)],
)
def test_names_of_files_do_not_collide(one: str, other: str) -> None:
    assert slug(one) != slug(other)


@pytest.mark.parametrize("text", ["white matter", "../../etc", "..", "a__b", "_fc.0", "é" * 200, "\0"])
def test_names_of_files_are_parts_of_paths(text: str) -> None:
    name = slug(text)
    assert name not in ("", ".", "..") and "/" not in name and "__" not in name and "\0" not in name
    assert len(name.encode()) <= 80 and not name.endswith("_") or name.startswith("_")


def test_the_stem_tells_layer_and_target() -> None:
    one = attribution(label="cam", layer="encoder.0", target="white matter")
    assert file_stem(one) == "cam__encoder.0__white_matter"
    assert file_stem(attribution(label="cam", layer="a", target="b__c")) != file_stem(
        attribution(label="cam", layer="a__b", target="c")
    )


def test_saved_maps_are_loaded_as_they_were(tmp_path: Path, image: Image) -> None:
    maps = Attributions(
        [
            attribution(measures={"gap": 0.1}, warnings=("mind the gap",), seconds=1.5),
            attribution(label="cam", method="gradcam", layer="enc", space="layer", values=torch.rand(3, 2, 3, 2)),
            attribution(label="tokens", layer="enc", space="layer", values=torch.rand(7, 4), affine=None),
            attribution(label="bad", values=None, status="failed", reason="it broke"),
        ],
        {"a": image},
    )
    folder = maps.save(tmp_path / "maps", channels="keep")
    loaded = te.load(folder)
    assert [m.key for m in loaded] == [m.key for m in maps]
    for saved, found in zip(maps, loaded, strict=True):
        assert (found.status, found.reason, found.seconds) == (saved.status, saved.reason, saved.seconds)
        assert (found.measures, found.warnings, found.parameters) == (saved.measures, saved.warnings, saved.parameters)
        if saved.values is not None:
            assert found.values is not None and torch.equal(found.values, saved.values)
    affine = loaded["saliency"].affine
    assert affine is not None
    np.testing.assert_allclose(affine, AFFINE)
    assert read_run(folder)["counts"] == {"failed": 1, "ok": 3}


def test_saving_sums_the_channels_of_layers_unless_asked(tmp_path: Path, image: Image) -> None:
    values = torch.rand(3, 2, 3, 2)
    maps = Attributions([attribution(layer="enc", space="layer", values=values)], {"a": image})
    (loaded,) = te.load(maps.save(tmp_path / "maps"))
    assert loaded.values is not None
    torch.testing.assert_close(loaded.values, values.sum(0, keepdim=True))


def picture(**changes: Any) -> Attribution:
    """A picture of the model, smaller than the image and with channels of its own."""
    chosen = {"shows": "picture", "of_model": True, "values": torch.rand(2, 3, 4, 3), "affine": None}
    return attribution(**{"label": "dream", **chosen, **changes})


def test_what_belongs_to_a_picture_is_kept_under_its_names(tmp_path: Path, image: Image) -> None:
    arrays = {"octave 2": torch.rand(2, 3, 4, 3)[:, ::2], "octave 1": torch.rand(1, 2), "größe / count": torch.ones(())}
    (found,) = te.load(Attributions([picture(arrays=arrays)], {"a": image}).save(tmp_path / "maps"))
    assert found.shows == "picture" and found.of_model and set(found.arrays) == set(arrays)
    assert all(torch.equal(found.arrays[name], array) for name, array in arrays.items())


def test_pictures_of_another_size_keep_their_grid_and_channels(tmp_path: Path) -> None:
    cropped = Image(torch.rand(1, 4, 5, 6), AFFINE, "a", file_grid=Grid((8, 9, 10), np.diag([2.0, 2, 2, 1])))
    mosaic = picture(label="grid", of_model=False, covers=True, affine=AFFINE)
    same = picture(label="same", values=torch.rand(1, 4, 5, 6), affine=AFFINE)
    maps = Attributions([picture(), mosaic, same], {"a": cropped})
    own, placed, back = te.load(maps.save(tmp_path / "maps"))
    assert own.values is not None and maps[0].values is not None and torch.equal(own.values, maps[0].values)
    assert own.affine is None and placed.affine is not None and placed.covers
    assert placed.values is not None and placed.values.shape == (2, 3, 4, 3), "no sum over its channels"
    np.testing.assert_allclose(placed.affine, AFFINE, rtol=1e-6)
    assert back.values is not None and back.values.shape == (1, 8, 9, 10), "on the grid of the file, as a map"


def test_flat_pictures_keep_their_channels(tmp_path: Path) -> None:
    flat = Image(torch.rand(3, 9, 13), None, "a")
    values = torch.rand(3, 4, 7)
    (found,) = te.load(Attributions([picture(values=values)], {"a": flat}).save(tmp_path / "maps"))
    assert found.values is not None and torch.equal(found.values, values)


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_arrays_that_were_touched_are_made_again(tmp_path: Path, image: Image, damage: str) -> None:
    with Ledger.open(tmp_path / "run") as store:
        record = put(store, image, arrays={"octave 1": torch.rand(2, 3)})
        store.write_run({"state": "finished"})
    path = tmp_path / "run" / record["files"]["arrays"]
    assert record["arrays_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match=r"saliency__white_matter\.safetensors"):
        te.load(tmp_path / "run")
    with Ledger.open(tmp_path / "run") as store:
        assert store.finished == set()


def test_saving_again_replaces_and_a_run_is_never_touched(tmp_path: Path, image: Image) -> None:
    folder = tmp_path / "maps"
    old = attribution(label="old", arrays={"octave 1": torch.rand(2)})
    Attributions([old], {"a": image}).save(folder)
    Attributions([attribution(label="new")], {"a": image}).save(folder)
    assert [m.label for m in te.load(folder)] == ["new"]
    assert [p.name for p in folder.rglob("*.nii.gz")] == ["new__white_matter.nii.gz"]
    assert not list(folder.rglob("*.safetensors"))
    with Ledger.open(tmp_path / "run") as store:
        store.write_run({"state": "finished"})
    with pytest.raises(ConfigError, match="holds a run; save into another folder"):
        Attributions([attribution()], {"a": image}).save(tmp_path / "run")
    with pytest.raises(ConfigError, match="2 maps are of 'saliency'"):
        Attributions([attribution(), attribution()], {"a": image}).save(tmp_path / "twice")


def test_loaded_maps_can_be_saved_where_their_images_are_not_at_hand(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    flat = Image(torch.rand(1, 4, 5), AFFINE, "a", file_grid=Grid((4, 5), AFFINE, header))
    first = Attributions([attribution(values=torch.rand(1, 4, 5))], {"a": flat}).save(tmp_path / "first")
    (once,) = te.load(first)
    (twice,) = te.load(te.load(first).save(tmp_path / "second"))
    assert once.values is not None and twice.values is not None and torch.equal(once.values, twice.values)
    assert once.affine is not None and twice.affine is not None
    np.testing.assert_allclose(twice.affine, once.affine)


def test_maps_that_are_not_there_are_named(tmp_path: Path, image: Image) -> None:
    folder = Attributions([attribution()], {"a": image}).save(tmp_path / "maps")
    (path,) = folder.rglob("*.nii.gz")
    path.unlink()
    with pytest.raises(StoreError, match=r"the map 'attributions/a/saliency__white_matter\.nii\.gz' is not there"):
        te.load(folder)


def test_a_manifest_cannot_name_files_outside(tmp_path: Path, image: Image) -> None:
    folder = Attributions([attribution()], {"a": image}).save(tmp_path / "maps")
    outside = tmp_path / "outside.nii.gz"
    outside.write_bytes(b"precious")
    path = folder / "manifest.jsonl"
    text = path.read_text().replace("attributions/a/saliency__white_matter.nii.gz", "../outside.nii.gz")
    path.write_text(text)
    with pytest.raises(StoreError, match="is not there"):
        te.load(folder)
    Attributions([attribution()], {"a": image}).save(folder)
    assert outside.read_bytes() == b"precious"
