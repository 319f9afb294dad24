from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from torchesegeta.errors import InputError
from torchesegeta.inputs.formats import read_file

RGB = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.png"


def test_colours(path: Path) -> None:
    Pictures.fromarray(RGB).save(path)
    source = read_file(path)
    assert source.grid.shape == (7, 9)
    assert source.grid.affine is None
    np.testing.assert_allclose(source.values, RGB.transpose(2, 0, 1) / 255, rtol=1e-6)


def test_grey(path: Path) -> None:
    Pictures.fromarray(RGB[..., 0]).save(path)
    np.testing.assert_allclose(read_file(path).values, RGB[None, ..., 0] / 255, rtol=1e-6)


def test_deep_grey(path: Path) -> None:
    deep = RGB[..., 0].astype(np.uint16) * 257
    Pictures.fromarray(deep).save(path)
    np.testing.assert_allclose(read_file(path).values, deep[None] / 65535, rtol=1e-6)


def test_black_and_white(path: Path) -> None:
    Pictures.fromarray(RGB[..., 0] > 99).save(path)
    np.testing.assert_array_equal(read_file(path).values[0], RGB[..., 0] > 99)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.linspace(50, 200, 32).astype(np.uint8)[:, None, None], (32, 24, 3))
    Pictures.fromarray(np.ascontiguousarray(smooth)).save(tmp_path / "a.JPG", quality=95)
    values = read_file(tmp_path / "a.JPG").values
    assert values.shape == (3, 32, 24)
    np.testing.assert_allclose(values, smooth.transpose(2, 0, 1) / 255, atol=0.02)


def test_palette_of_colours(path: Path) -> None:
    picture = Pictures.fromarray(RGB).quantize(8)
    picture.save(path)
    expected = np.asarray(picture.convert("RGB")).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(read_file(path).values, expected, rtol=1e-6)


def test_palette_of_greys_is_one_channel(path: Path) -> None:
    picture = Pictures.fromarray(RGB[..., 0] // 128, mode=None).convert("P")
    picture.putpalette([10, 10, 10, 200, 200, 200])
    picture.save(path)
    values = read_file(path).values
    assert values.shape == (1, 7, 9)
    np.testing.assert_allclose(np.unique(values), [10 / 255, 200 / 255], rtol=1e-6)


def test_label_keeps_the_indices_of_a_palette(path: Path) -> None:
    classes = RGB[..., 0] % 3
    picture = Pictures.fromarray(classes).convert("P")
    picture.putdata(classes.ravel().tolist())
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(path)
    np.testing.assert_array_equal(read_file(path, label=True).values[0], classes)


def test_label_with_colours_is_refused(path: Path) -> None:
    Pictures.fromarray(RGB).save(path)
    with pytest.raises(InputError, match=r"a.png has colours \(RGB\); a label holds one whole number per pixel"):
        read_file(path, label=True)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha(mode: str, path: Path) -> None:
    channels = RGB if mode == "RGBA" else RGB[..., :1]
    opaque = np.concatenate([channels, np.full((7, 9, 1), 255, np.uint8)], axis=-1)
    Pictures.fromarray(opaque).save(path)
    np.testing.assert_allclose(read_file(path).values, channels.transpose(2, 0, 1) / 255, rtol=1e-6)
    opaque[2, 3:5, -1] = 0
    Pictures.fromarray(opaque).save(path)
    with pytest.raises(InputError, match="a.png has 2 pixels that are not opaque"):
        read_file(path)


def test_transparent_palette_is_refused(path: Path) -> None:
    picture = Pictures.fromarray(RGB).quantize(4)
    picture.save(path, transparency=0)
    with pytest.raises(InputError, match="pixels that are not opaque"):
        read_file(path)


def test_truncated(path: Path) -> None:
    Pictures.fromarray(RGB).save(path)
    path.write_bytes(path.read_bytes()[:120])
    with pytest.raises(InputError, match="a.png cannot be read as PNG; is it complete"):
        read_file(path)
