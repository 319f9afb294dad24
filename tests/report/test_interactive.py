from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.execute.project import Project
from torchesegeta.cli import app
from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger import RUN
from torchesegeta.report import interactive
from torchesegeta.report.interactive import write_interactive

VIEWER = "const end = '</script><!-- no comment';"


@pytest.fixture(autouse=True)
def _viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer that was built."""
    folder = tmp_path / "package" / "static"
    folder.mkdir(parents=True)
    (folder / "viewer.js").write_text(VIEWER, encoding="utf-8")
    monkeypatch.setattr(interactive, "files", lambda package: folder.parent)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 9, 10), np.uint8), nibabel.load(project.folder / "a.nii.gz").affine),
                 project.folder / "label.nii.gz")  # fmt: skip
    project.run(project.config(images=[{"path": "a.nii.gz", "label": "label.nii.gz"}], notes=["<b>not</b> bold"]))
    return project


def content(path: Path) -> Any:
    """What the page hands to the viewer."""
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="esegeta-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def volume(text: str) -> Any:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


def test_everything_is_in_the_page(project: Project) -> None:
    written = write_interactive(project.output)
    assert written.path == project.output / "interactive.html"
    data = content(written.path)
    assert any("<b>not</b> bold" in note for note in data["notes"])
    (image,) = data["images"]
    assert written.maps == len(image["maps"]) == 2
    assert {(m["title"], m["layer"]) for m in image["maps"]} == {("Saliency", None), ("Layer Grad-CAM", "enc")}
    assert volume(image["label"]).get_fdata().min() == 1
    assert volume(image["prediction"]).shape == (8, 9, 10)
    original = nibabel.load(project.folder / "a.nii.gz")
    np.testing.assert_allclose(volume(image["image"]).affine, original.affine, atol=1e-5)


def test_values_are_those_of_the_files(project: Project) -> None:
    (image,) = content(write_interactive(project.output, labels=["saliency"]).path)["images"]
    files = {str(r["target"]): r["files"]["values"] for r in project.maps() if r["label"] == "saliency"}
    assert [one["target"] for one in image["maps"]] == list(files)
    for one in image["maps"]:
        wanted = nibabel.load(project.output / files[one["target"]]).get_fdata()
        step = np.abs(wanted).max() / 32767
        np.testing.assert_allclose(volume(one["data"]).get_fdata(), wanted, atol=0.51 * step)


def test_nothing_in_the_page_ends_a_script_early(project: Project) -> None:
    page = write_interactive(project.output).path.read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "<!-- no" not in page
    assert "<b>not" not in page
    assert not re.search(r"(src|href)\s*=|https?://(?!www\.w3\.org)", page.replace(VIEWER, ""))


def test_what_does_not_fit_is_named(project: Project) -> None:
    one = len(base64.b64decode(content(write_interactive(project.output).path)["images"][0]["maps"][0]["data"]))
    written = write_interactive(project.output, largest=one + 10)
    assert len(written.left_out) == 2 - written.maps == 1
    assert any(f"{len(written.left_out)} maps" in note for note in content(written.path)["notes"])


def test_unknown_methods_and_empty_runs(project: Project) -> None:
    with pytest.raises(ConfigError, match="--map: method 'salency' does not exist.*nearest: 'saliency'"):
        write_interactive(project.output, labels=["salency"])
    (project.folder / "a.nii.gz").unlink()
    with pytest.raises(StoreError, match="no map can be shown"):
        write_interactive(project.output)
    with pytest.raises(StoreError, match="no run folder"):
        write_interactive(project.folder)


def test_no_file_outside_the_run(project: Project) -> None:
    manifest = project.output / "manifest.jsonl"
    lines = manifest.read_text(encoding="utf-8").replace(
        "attributions/a/saliency", "../project/attributions/a/saliency"
    )
    outside = lines.replace('"values": "', '"values": "../')
    manifest.write_text(outside, encoding="utf-8")
    with pytest.raises(StoreError, match="no map can be shown"):
        write_interactive(project.output)


def test_the_viewer_must_be_built(project: Project, tmp_path: Path) -> None:
    (tmp_path / "package" / "static" / "viewer.js").unlink()
    with pytest.raises(ConfigError, match="not built"):
        write_interactive(project.output)


def test_the_command(project: Project) -> None:
    output = project.folder / "mail.html"
    arguments = ["report", str(project.output), "--interactive", "-o", str(output), "--map", "saliency"]
    assert CliRunner().invoke(app, arguments).stdout.strip() == str(output)
    assert len(content(output)["images"][0]["maps"]) == 1
    refused = CliRunner().invoke(app, ["report", str(project.output), "-o", str(output)])
    assert (refused.exit_code, "--interactive" in refused.stderr) == (2, True)


def test_flat_maps_lie_over_their_image(project: Project) -> None:
    about = json.loads((project.output / RUN).read_text(encoding="utf-8"))
    assert about["images"][0]["shape"] == [8, 9, 10]
    from torchesegeta.report.volumes import to_nifti

    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(to_nifti(np.arange(24.0).reshape(1, 4, 6))))
    layer = nibabel.Nifti1Image.from_bytes(gzip.decompress(to_nifti(np.ones((3, 2, 3)), over=(4, 6))))
    assert image.shape == (6, 4, 1)
    assert image.get_fdata()[5, 1, 0] == 11
    np.testing.assert_array_equal(image.affine, np.eye(4))
    assert layer.shape == (3, 2, 1)
    assert layer.get_fdata().max() == 3
    np.testing.assert_allclose(layer.affine @ [0, 0, 0, 1], [0.5, 0.5, 0, 1])
