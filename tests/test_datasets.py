from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from torchesegeta.config import parse_config
from torchesegeta.errors import ConfigError
from torchesegeta.plan import name_images

REST: dict[str, Any] = {"model": {"factory": "net.py:Net"}, "methods": ["saliency"], "output": "run"}
FILES = (
    "scans/b.nii.gz", "scans/a.nii.gz", "scans/deep/c.nii.gz", "scans/notes.txt",
    "images/x_0000.nii.gz", "images/x_0001.nii.gz", "images/y_0000.nii.gz", "images/y_0001.nii.gz",
    "labels/a.nii.gz", "labels/b.nii.gz", "labels/x.nii.gz", "labels/y.nii.gz",
    "cases/p1/t1.nii", "cases/p2/t1.nii",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


def images(folder: Path, entries: Any) -> list[tuple[str, list[str], str | None]]:
    """Name, files and label of each image."""

    def inside(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    planned = name_images(parse_config({**REST, "images": entries}, folder))
    return [
        (one.name, [inside(p) for p in one.config.path], inside(one.config.label) if one.config.label else None)
        for one in planned
    ]


def test_a_pattern_is_sorted(folder: Path) -> None:
    a, b = ("a", ["scans/a.nii.gz"], None), ("b", ["scans/b.nii.gz"], None)
    assert images(folder, {"glob": "scans/*.nii.gz"}) == [a, b]
    deep = ("c", ["scans/deep/c.nii.gz"], None)
    assert images(folder, [{"glob": "scans/**/*.nii.gz"}]) == [a, b, deep]
    assert images(folder, [{"path": "scans/b.nii.gz"}, {"glob": "scans/a*"}]) == [b, a]


def test_a_pattern_finds_labels_channels_and_names(folder: Path) -> None:
    found = images(folder, {"glob": "scans/*.nii.gz", "label": "labels/{name}.nii.gz"})
    assert [label for _, _, label in found] == ["labels/a.nii.gz", "labels/b.nii.gz"]
    pattern = {
        "glob": "images/*_0000.nii.gz", "channels": ["images/{1}_0001.nii.gz"],
        "label": "labels/{1}.nii.gz", "name": "{1}",
    }  # fmt: skip
    assert images(folder, pattern) == [
        ("x", ["images/x_0000.nii.gz", "images/x_0001.nii.gz"], "labels/x.nii.gz"),
        ("y", ["images/y_0000.nii.gz", "images/y_0001.nii.gz"], "labels/y.nii.gz"),
    ]
    parents = images(folder, {"glob": "**/t1.nii", "name": "{parent}", "channels": ["{folder}/t1.nii"]})
    assert parents == [(f"p{n}", [f"cases/p{n}/t1.nii"] * 2, None) for n in (1, 2)]
    wild = images(folder, {"glob": "cases/p[!2]/t?.nii", "name": "{1}{2}"})
    assert wild == [("11", ["cases/p1/t1.nii"], None)]


def test_a_table_has_paths_beside_it(folder: Path) -> None:
    (folder / "scans" / "cases.csv").write_text(
        "\ufeffpath;age;label;name\na.nii.gz;61;../labels/a.nii.gz;first\n\nb.nii.gz | deep/c.nii.gz;;;\n", "utf-8"
    )
    assert images(folder, {"csv": "scans/cases.csv"}) == [
        ("first", ["scans/a.nii.gz"], "scans/../labels/a.nii.gz"),
        ("b", ["scans/b.nii.gz", "scans/deep/c.nii.gz"], None),
    ]
    (folder / "cases.csv").write_text("path_2,path_1\nimages/x_0001.nii.gz,images/x_0000.nii.gz\n")
    assert images(folder, {"csv": "cases.csv"})[0][1] == ["images/x_0000.nii.gz", "images/x_0001.nii.gz"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"glob": "scan/*.nii"}, "images[0].glob: no file matches 'scan/*.nii' in "),
        ({"glob": "scans/*.nii.gz", "lable": "x"}, "images[0]: field 'lable' does not exist; nearest: 'label'"),
        (
            {"glob": "scans/*.nii.gz", "label": "labels/{nam}.nii.gz"},
            "images[0].label: placeholder 'nam' does not exist; nearest: 'name'",
        ),
        (
            {"glob": "scans/**/*.nii.gz", "label": "labels/{name}.nii.gz"},
            "images[0].label: for scans/deep/c.nii.gz: file 'c.nii.gz' does not exist in ",
        ),
        (
            {"glob": "scans/*.nii.gz", "channels": ["none/{name}.nii"]},
            "images[0].channels: for scans/a.nii.gz: the fol",
        ),
        ({"glob": "scans/*"}, ".txt is no image format"),
        ({"csv": "case.csv"}, "images[0].csv: file 'case.csv' does not exist"),
        ({"csv": "scans"}, "cannot be read as a table"),
    ],
)
def test_what_is_wrong_with_a_set_is_named(folder: Path, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        images(folder, entry)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "images[0].csv: cases.csv is empty"),
        ("path\n", "images[0].csv: cases.csv has no rows"),
        ("file,label\na,b\n", "images[0].csv: cases.csv: column 'path' does not exist; allowed: 'file', 'label'"),
        ("path,lable\na,b\n", "column 'lable': is 'label' meant? Rename it"),
        ("path,path\na,b\n", "the column 'path' stands 2 times"),
        ("path,path_1\na,b\n", "it has both 'path' and 'path_1'; keep one kind"),
        ("path,name\nscans/a.nii.gz,a\n,b\n", "images[0].csv: row 3 of cases.csv: path is empty"),
        (
            "path\nscans/a.nii.gz\nscans/bb.nii.gz\n",
            "images[0].csv: row 3 of cases.csv: path: file 'bb.nii.gz' does not exist in ",
        ),
        ("path,label\nscans/a.nii.gz,none/a.nii.gz\n", "row 2 of cases.csv: label: the folder "),
        ("path,name\nscans/a.nii.gz,x\nscans/b.nii.gz,x\n", "images: the name 'x' stands 2 times"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(folder: Path, table: str, message: str) -> None:
    (folder / "cases.csv").write_text(table)
    with pytest.raises(ConfigError) as error:
        images(folder, {"csv": "cases.csv"})
    assert message in str(error.value).replace("allowed: file, label", "allowed: 'file', 'label'")


@pytest.mark.parametrize("shard", ["0/4", "5/4", "3", "a/b", "1/0"])
def test_no_shard(folder: Path, shard: str) -> None:
    value = {**REST, "images": [{"path": "a"}], "execution": {"shard": shard}}
    with pytest.raises(ConfigError, match="execution.shard: .*write '3/16'"):
        parse_config(value, folder)


def test_a_shard_has_a_folder_of_its_own(folder: Path) -> None:
    value = {**REST, "images": [{"path": "a"}], "execution": {"shard": " 3/16"}}
    assert parse_config(value, folder).output == folder / "run" / "shard-03-of-16"
