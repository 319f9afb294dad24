"""`threshold` against plain NumPy, and the published code's faults, which must not come back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.targets import BoundTarget, OutputInfo, parse_target
from torchesegeta.types import Image


def bind(output: Tensor, image: Image, info: OutputInfo | None = None, **fields: Any) -> BoundTarget:
    return parse_target({"kind": "threshold", **fields}).bind(output, image, info or OutputInfo())


def split(channel: NDArray[Any]) -> NDArray[np.bool_]:
    """Otsu's foreground of one channel, straight from the paper's equation 17."""
    scaled = (channel - channel.min()) / (channel.max() - channel.min())
    foreground: NDArray[np.bool_] = scaled > threshold_otsu(scaled)
    return foreground


def plain(regions: Tensor, raw: Tensor) -> list[float]:
    """Foreground and background sums of `raw`, over the split of `regions`, channel by channel."""
    found = []
    for where, values in zip(regions.numpy(), raw.numpy(), strict=True):
        inside = split(where)
        found += [float(values[inside].sum()), float(values[~inside].sum())]
    return found


def test_sums_of_the_raw_output(output: Tensor, others: Tensor, image: Image) -> None:
    bound = bind(output, image)
    expected = torch.tensor([plain(output[0], other) for other in others])
    torch.testing.assert_close(bound.score(others), expected, rtol=1e-4, atol=1e-3)
    assert bound.linear and bound.differentiable
    assert bound.indices == (None,) * 6


def test_found_again_at_every_pass(output: Tensor, others: Tensor, image: Image) -> None:
    bound = bind(output, image, frozen=False)
    expected = torch.tensor([plain(other, other) for other in others])
    torch.testing.assert_close(bound.score(others), expected, rtol=1e-4, atol=1e-3)
    assert not bound.linear


def test_count(output: Tensor, others: Tensor, image: Image) -> None:
    again = bind(output, image, count=True, frozen=False).score(others)
    assert again.tolist() == [plain_count(other, other) for other in others]
    fixed = bind(output, image, count=True)
    assert fixed.score(output).tolist() == [plain_count(output[0], output[0])]
    assert not fixed.differentiable
    assert not torch.equal(fixed.score(others)[0], fixed.score(others)[1]), "the count follows the output"


def plain_count(regions: Tensor, raw: Tensor) -> list[float]:
    return plain(regions, torch.ones_like(raw))


def test_gradient_is_not_zero(output: Tensor, image: Image) -> None:
    """The published wrapper summed out / out, whose gradient is exactly zero."""
    raw = output.clone().requires_grad_(True)
    for frozen in (True, False):
        (slope,) = torch.autograd.grad(bind(output, image, frozen=frozen).score(raw)[:, 0].sum(), raw)
        expected = torch.zeros_like(output)
        expected[0, 0] = torch.from_numpy(split(output[0, 0].numpy()).astype(np.float32))
        assert torch.equal(slope, expected)


def test_threshold_is_compared_with_the_normalised_output(output: Tensor, image: Image) -> None:
    """The published wrapper compared it with the raw output: scaling and shifting must not move the region."""
    raw = 1e-3 * output + 7
    voxels = raw.shape[2:].numel()
    inside = bind(raw, image).score(torch.ones_like(raw))[0, ::2]
    assert torch.equal(inside, bind(output, image).score(torch.ones_like(raw))[0, ::2])
    assert bool(((inside > 0.05 * voxels) & (inside < 0.95 * voxels)).all())


def test_output_with_zeros_is_finite(output: Tensor, image: Image) -> None:
    """The published wrapper divided by the output: NaN behind a ReLU."""
    raw = output.relu().requires_grad_(True)
    score = bind(raw.detach(), image).score(raw)
    (slope,) = torch.autograd.grad(score.sum(), raw)
    assert bool(torch.isfinite(score).all()) and bool(torch.isfinite(slope).all())


def test_constant_channel_is_refused(output: Tensor, image: Image) -> None:
    output[:, 1] = 0.25
    with pytest.raises(IncompatibleError) as caught:
        bind(output, image)
    assert str(caught.value) == "target.kind 'threshold': output channel [1] is constant, Otsu cannot split it"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("air", "white", "grey"), ("air foreground", "air background", "white foreground")),
        ((), ("channel 0 foreground", "channel 0 background", "channel 1 foreground")),
    ],
)
def test_names(names: tuple[str, ...], expected: tuple[str, ...], output: Tensor, image: Image) -> None:
    assert bind(output, image, OutputInfo(class_names=names)).names[:3] == expected


def test_one_channel_in_the_plane() -> None:
    output = torch.randn(1, 1, 9, 11, generator=torch.Generator().manual_seed(0))
    bound = bind(output, Image(torch.zeros(1, 9, 11)), OutputInfo(class_names=("background", "vessel")))
    assert bound.names == ("channel 0 foreground", "channel 0 background")
    torch.testing.assert_close(bound.score(output), torch.tensor([plain(output[0], output[0])]))


def test_classification_is_refused(logits: Tensor, image: Image) -> None:
    with pytest.raises(IncompatibleError, match="needs a segmentation .* use the kind 'class'"):
        bind(logits, image)
