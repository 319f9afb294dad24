from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import read_file

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("stored", "options", "expected"),
    [
        ((7, 9), {}, (1, 7, 9)),
        ((5, 7, 9), {"photometric": "minisblack", "metadata": None}, (1, 5, 7, 9)),
        ((5, 7, 9), {"photometric": "minisblack", "metadata": {"axes": "ZYX"}}, (1, 5, 7, 9)),
        ((2, 7, 9), {"photometric": "minisblack", "metadata": {"axes": "CYX"}}, (2, 7, 9)),
        ((7, 9, 3), {"photometric": "rgb"}, (3, 7, 9)),
        ((5, 7, 9, 3), {"photometric": "rgb", "metadata": None}, (3, 5, 7, 9)),
        ((5, 2, 7, 9), {"imagej": True, "metadata": {"axes": "ZCYX"}}, (2, 5, 7, 9)),
    ],
)
def test_axes(stored: tuple[int, ...], options: dict[str, Any], expected: tuple[int, ...], tmp_path: Path) -> None:
    values = RANDOM.integers(0, 255, stored).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    source = read_file(tmp_path / "a.tif")
    assert source.values.shape == expected
    assert source.grid.shape == expected[1:]
    if stored[-1] == 3:
        values = np.moveaxis(values, -1, 0)
    elif len(stored) == 4:
        values = np.moveaxis(values, 1, 0)
    np.testing.assert_array_equal(source.values.reshape(values.shape), values)


def test_alpha(tmp_path: Path) -> None:
    rgba = RANDOM.integers(0, 255, (7, 9, 4)).astype(np.uint8)
    rgba[..., 3] = 255
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_file(tmp_path / "a.tif").values, rgba[..., :3].transpose(2, 0, 1))
    rgba[0, 0, 3] = 9
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(InputError, match="a.tif has 1 pixels that are not opaque"):
        read_file(tmp_path / "a.tif")


def test_palette(tmp_path: Path) -> None:
    indices = RANDOM.integers(0, 3, (7, 9)).astype(np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=colours)
    with pytest.raises(InputError, match="coloured by a palette; save it in grey or RGB"):
        read_file(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_file(tmp_path / "a.tif", label=True).values[0], indices)


def test_time_points_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 7, 9), np.uint8), imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(InputError, match=r"a.tif has the axes {'T': 4, 'Y': 7, 'X': 9}; allowed"):
        read_file(tmp_path / "a.tif")


def test_several_images_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(np.zeros((7, 9), np.uint8))
        writer.write(np.zeros((3, 4), np.uint8))
    with pytest.raises(InputError, match="a.tif holds 2 images of different kinds"):
        read_file(tmp_path / "a.tif")


def test_not_a_tiff(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"not a picture")
    with pytest.raises(InputError, match="a.tif cannot be read as TIFF"):
        read_file(tmp_path / "a.tif")
