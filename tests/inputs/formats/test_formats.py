from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import FORMATS, read_file, stem_of


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "patient_t1.nii.gz").touch()
    with pytest.raises(InputError, match="'patient_t2.nii.gz' does not exist in .*nearest: 'patient_t1.nii.gz'"):
        read_file(tmp_path / "patient_t2.nii.gz")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the folder .*nowhere does not exist"):
        read_file(tmp_path / "nowhere" / "a.nii")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give one file"):
        read_file(tmp_path)


@pytest.mark.parametrize(("name", "what"), [("a.dcm", ".dcm"), ("noextension", "no extension")])
def test_unknown_extension(name: str, what: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{what} is no image format; allowed: .nii.gz, .nii, .png"):
        read_file(tmp_path / name)


@pytest.mark.parametrize("suffix", FORMATS)
def test_not_what_its_name_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(InputError, match=f"cannot be read as {FORMATS[suffix]}"):
        read_file(path)


@pytest.mark.parametrize("name", ["a.b.nii.gz", "a.b.NII", "a.b.tiff"])
def test_stem(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert stem_of(tmp_path / name) == "a.b"
