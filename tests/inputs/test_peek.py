from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.headers import nifti
from torchesegeta.errors import InputError
from torchesegeta.inputs import check_size, peek

MOST = 10**8
VALUES = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti(tmp_path: Path, kind: type, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    nibabel.save(kind(VALUES, np.eye(4)), path)
    seen = check_size(path, MOST)
    assert seen is not None
    assert (seen.shape, seen.item_bytes, seen.spatial_dims, seen.bytes) == ((2, 3, 4), 4, 3, 96)


def test_pictures_and_arrays(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(tmp_path / "a.jpg")
    tifffile.imwrite(tmp_path / "a.tif", VALUES, photometric="minisblack")
    np.save(tmp_path / "a.npy", VALUES)
    np.savez_compressed(tmp_path / "a.npz", VALUES)
    shapes = {path.suffix: seen.shape for path in tmp_path.iterdir() if (seen := check_size(path, MOST)) is not None}
    volume = (2, 3, 4)
    assert shapes == {".png": (5, 7, 3), ".jpg": (5, 7, 1), ".tif": volume, ".npy": volume, ".npz": volume}


def test_a_header_of_3_gb_on_a_small_file(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.nii", tmp_path / "b.nii.gz"
    plain.write_bytes(nifti((1000, 1000, 750), b"\0" * 600))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        with pytest.raises(InputError, match="says it holds 1000 × 1000 × 750 values, 3 GB; at most 100 MB fit"):
            check_size(path, MOST)
        with pytest.raises(InputError, match="says it holds 3 GB of values and (has|unpacks to) 600 bytes"):
            check_size(path, 10**10)


def test_a_bomb_in_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(nifti((2, 3, 4), VALUES.tobytes()))
        for _ in range(64):
            stream.write(b"\0" * 2**20)
    assert path.stat().st_size < 10**5
    with pytest.raises(InputError, match="far more than the 96 bytes"):
        check_size(path, MOST)


def test_a_bomb_in_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**9,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("arr.npy", stream.getvalue() + b"\0" * 10**6)
    with pytest.raises(InputError, match="4 GB; at most"):
        check_size(path, MOST)
    with pytest.raises(InputError, match="says it holds 4 GB of values and has"):
        check_size(path, 10**10)


def test_a_picture_of_far_too_many_pixels(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(InputError, match="too many pixels"):
        check_size(path, MOST)


def test_python_objects_are_not_even_looked_at(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="Python objects"):
        peek(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".png", ".jpg", ".tif", ".npy", ".npz"])
@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x93NUMPY\x01\x00", gzip.compress(b"no image", mtime=0), b"PK\x05\x06"]
)
def test_other_content(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="a\\."):
        check_size(path, MOST)


def test_a_cut_off_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).random((20, 20, 20)), np.eye(4)), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(InputError, match="complete"):
        check_size(path, MOST)
