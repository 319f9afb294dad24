from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from torchesegeta.models.nets import UNet
from torchesegeta.models.nets.unet import Norm

SIZES = [(16, 16), (9, 14), (1, 5), (8, 8, 8), (8, 9, 10), (5, 3, 1)]


def small(spatial_dims: int, **arguments: Any) -> UNet:
    torch.manual_seed(0)
    return UNet(spatial_dims, 2, 3, features=(2, 3, 4), **arguments).eval()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_output_has_the_size_of_the_input(size: tuple[int, ...], norm: Norm) -> None:
    out = small(len(size), norm=norm)(torch.rand(2, 2, *size))
    assert out.shape == (2, 3, *size)
    assert torch.isfinite(out).all()


def test_instance_norm() -> None:
    assert small(3, norm="instance")(torch.rand(1, 2, 8, 9, 10)).shape == (1, 3, 8, 9, 10)


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_each_layer_runs_once_and_in_the_documented_order(spatial_dims: int) -> None:
    model = small(spatial_dims)
    calls: list[tuple[str, tuple[int, ...]]] = []

    def record(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            calls.append((name, tuple(output.shape[1:])))

        return hook

    for name, module in model.named_modules():
        if name and not isinstance(module, nn.ModuleList):
            module.register_forward_hook(record(name))
    model(torch.rand(1, 2, *[12] * spatial_dims))

    assert set(Counter(name for name, _ in calls).values()) == {1}
    blocks = [call for call in calls if call[0].count(".") == call[0].startswith(("encoder", "decoder"))]
    blocks = [(name, shape) for name, shape in blocks if not name.startswith("bottleneck.")]
    assert blocks == [
        ("encoder.0", (2, *[12] * spatial_dims)),
        ("encoder.1", (3, *[6] * spatial_dims)),
        ("bottleneck", (4, *[3] * spatial_dims)),
        ("decoder.0", (3, *[6] * spatial_dims)),
        ("decoder.1", (2, *[12] * spatial_dims)),
        ("head", (3, *[12] * spatial_dims)),
    ]


def test_coarse_voxels_stay_over_their_fine_ones_at_an_uneven_size() -> None:
    model = UNet(2, 1, 1, features=(1, 1), convolutions_per_block=1, norm="none")
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        middle: tuple[Any, ...] = (0, 0, 1, 1)
        for name, weight in model.named_parameters():
            if name in ("encoder.0.0.weight", "bottleneck.0.weight", "decoder.0.convolve.0.weight"):
                weight[middle] = 1.0
        model.head.weight[:] = 1.0
        image = torch.arange(45.0).reshape(1, 1, 9, 5)
        out = model(image)[0, 0]
    assert torch.equal(out[6:8, 2:4], torch.full((2, 2), image[0, 0, 6:8, 2:4].max().item()))
    assert torch.equal(out[8:, 4:], image[0, 0, 8:, 4:])


@pytest.mark.parametrize("counts", [2, (1, 2, 1), 1, (1, 2, 3)])
def test_receptive_field(counts: int | Sequence[int]) -> None:
    model = UNet(2, 1, 1, features=(1, 1, 1), convolutions_per_block=counts, norm="none").double()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.1)
    generator = torch.Generator().manual_seed(0)
    widths = []
    for position in range(32, 36):
        images = torch.rand(200, 1, 68, 68, dtype=torch.float64, generator=generator).requires_grad_(True)
        (gradient,) = torch.autograd.grad(model(images)[:, 0, position, 34].sum(), images)
        seen = torch.nonzero(gradient.abs().sum(dim=(0, 1, 3))).flatten()
        widths.append(int(seen.max() - seen.min()) + 1)
        half = model.receptive_field // 2
        assert position - int(seen.min()) <= half + 1 and int(seen.max()) - position <= half + 1
    assert max(widths) == model.receptive_field


def test_one_level_is_a_plain_network() -> None:
    model = UNet(2, 1, 2, features=(4,))
    assert model(torch.rand(1, 1, 7, 5)).shape == (1, 2, 7, 5)
    assert model.receptive_field == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spatial_dims": 4}, "spatial_dims 4 must be 2 or 3"),
        ({"features": ()}, r"features \(\) must be positive"),
        ({"out_channels": 0}, r"out_channels \[0\] must be positive"),
        ({"norm": "group"}, "norm 'group' must be one of batch, instance, none"),
        ({"convolutions_per_block": [1, 2]}, r"convolutions_per_block \[1, 2\] must be a positive number, or 3"),
        ({"convolutions_per_block": 0}, "convolutions_per_block 0 must be a positive number"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UNet(**arguments)
