"""Pictures, their spectra and colours, and what they reach, against those of published reference implementations."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor

import torchesegeta as te
from torchesegeta.optimisation.parameterisations import (
    Blank,
    Canvas,
    Coloured,
    Fourier,
    Parameterisation,
    Pixels,
    Shared,
    fourier,
)

from .loader import COPY, arrays_of, complete_set, inputs, network
from .pictures import KEPT

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
SIZES = ("1x3x32x32", "2x3x31x33", "1x3x24x40")


def stored(id: str) -> dict[str, Tensor]:
    found = arrays_of(ROOT, id)
    if found is None:
        assert id not in KEPT, f"{id} is missing"
        pytest.skip("not in the small copy")
    return found


def apart(mine: Tensor, theirs: Tensor) -> float:
    """The entries' measure."""
    assert mine.shape == theirs.shape
    return float((mine.detach() - theirs).abs().max() / theirs.abs().max())


def canvas_of(kind: Parameterisation, image: Tensor) -> Canvas:
    """A canvas for pictures (B, C, *spatial) of one problem."""
    names = tuple(("a", number) for number in range(len(image)))
    return kind.begin(Blank(tuple(image.shape[1:]), names, image[0]))


@torch.no_grad()
def put(canvas: Canvas, parameters: Tensor) -> Canvas:
    """Replace a canvas's parameters; of spectra, those of odd sizes hold a frequency too many in the reference."""
    mine = canvas.parameters[0]
    mine.copy_(parameters if mine.ndim == 4 else parameters[..., : mine.shape[-2], :])
    return canvas


@pytest.mark.parametrize("decay", [1, 1.5])
@pytest.mark.parametrize("size", SIZES)
def test_spectra(size: str, decay: float) -> None:
    entry = stored(f"lucent.fft_image.none.{size}_d{decay:g}")
    canvas = put(canvas_of(Fourier(decay=decay), entry["image"]), entry["spectrum_real_imag"])
    assert apart(canvas.render(), entry["image"]) < 1e-5
    height, width = entry["image"].shape[2:]
    frequencies = entry["freqs"][:, : width // 2 + 1].double().clamp(min=1 / max(height, width))
    torch.testing.assert_close(Fourier(decay=decay).weights((height, width)), frequencies**-decay, rtol=1e-5, atol=0)


def test_two_dimensions_decay_as_published() -> None:
    assert torch.equal(Fourier().weights((31, 33)), Fourier(decay=1).weights((31, 33)))


@pytest.mark.parametrize(("colours", "array"), [("imagenet", "out_decorrelate"), ("none", "out_plain")])
def test_colours(colours: str, array: str) -> None:
    entry = stored("lucent.to_valid_rgb.none")
    kind = Coloured(Pixels(), colours, (0.0, 1.0), "middle")  # type: ignore[arg-type]
    assert apart(put(canvas_of(kind, entry["in"]), entry["in"]).render(), entry[array]) < 1e-5
    palette = kind.palette(entry["in"][0])
    if colours == "imagenet":
        assert palette.matrix is not None and apart(palette.matrix.float(), entry["matrix"]) < 1e-5
        torch.testing.assert_close(palette.inverse(entry[array])[:, :], entry["in"].double(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("colours", ["imagenet", "none"])
@pytest.mark.parametrize("under", [Fourier(), Pixels()], ids=repr)
def test_images(under: Parameterisation, colours: str) -> None:
    spectral, mixed = isinstance(under, Fourier), colours == "imagenet"
    entry = stored(f"lucent.param_image.none.fft{spectral:d}_deco{mixed:d}")
    kind = Coloured(under, colours, (0.0, 1.0), "middle")  # type: ignore[arg-type]
    assert apart(put(canvas_of(kind, entry["image"]), entry["parameters"]).render(), entry["image"]) < 1e-5


def test_pixels() -> None:
    entry = stored("lucent.pixel_image.none")
    assert apart(put(canvas_of(Pixels(), entry["image"]), entry["parameters"]).render(), entry["image"]) < 1e-4


def test_shared_layers() -> None:
    """A layer of 6 x 10 voxels that two pictures of 24 x 30 share; here it is coarser by one factor on both axes."""
    entry = stored("lucent.lowres_tensor.none")
    canvas = canvas_of(Shared(Pixels(deviation=0.0), factors=(4,)), entry["image"])
    with torch.no_grad():
        canvas.parameters[-1].set_(entry["parameters"])  # type: ignore[call-overload]
    assert apart(canvas.render(), entry["image"]) < 1e-4


@pytest.mark.parametrize(("model", "channel"), [("cnn2d", 11), ("vgg2d", 5)])
def test_what_a_channel_reaches(model: str, channel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the stored spectrum, with as many steps, at least 0.95 of the reference's channel mean."""
    entry = stored(f"lucent.render_vis_channel.{model}.{model}")
    spectrum = torch.view_as_complex(entry["spectrum_start"].double())
    noise = torch.fft.irfftn(spectrum, s=(64, 64), norm="ortho") / (0.01 * sqrt(2))
    monkeypatch.setattr(fourier, "normal", lambda shape, key, index: noise[index])
    (found,) = te.explain(
        network(ROOT, model),
        inputs(ROOT, model)["x"],
        methods={
            "name": "feature_visualization", "channels": channel, "steps": 64, "transforms": "none",
            "colours": "imagenet", "value_range": [0, 1], "start": "middle",
        },
        target=0,
        layers={"cnn2d": "relu3", "vgg2d": "features.6"}[model],
    )  # fmt: skip
    assert found.target == f"channel {channel}" and found.target_index == channel
    start, final = float(entry["channel_mean_start"]), float(entry["channel_mean_final"])
    assert found.measures["objective_before"] == pytest.approx(start, rel=1e-3)
    assert found.measures["objective_reached"] >= 0.95 * final
