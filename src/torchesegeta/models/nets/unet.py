"""A U-Net for images of two or three dimensions (Ronneberger et al. 2015, arXiv:1505.04597; Çiçek et al. 2016, 3D).

The layers are named by their place and each runs exactly once per forward pass:

    encoder.0 … encoder.n-2    first to run is encoder.0, at full resolution
    bottleneck                 the coarsest level
    decoder.0 … decoder.n-2    first to run is decoder.0, the deepest; the last is at full resolution
    head                       1×1 convolution to the class scores (logits)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]

_CONVOLUTION: dict[int, type[nn.Conv2d] | type[nn.Conv3d]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[tuple[str, int], type[nn.Module]] = {
    ("batch", 2): nn.BatchNorm2d,
    ("batch", 3): nn.BatchNorm3d,
    ("instance", 2): nn.InstanceNorm2d,
    ("instance", 3): nn.InstanceNorm3d,
}


class ConvBlock(nn.Sequential):
    """Convolutions of width 3, each followed by its norm and a ReLU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels of the input.
        out_channels: Channels of every convolution's output.
        convolutions: How many.
        norm: `batch`, `instance` (with a learnt scale and shift) or `none`.
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, convolutions: int, norm: Norm) -> None:
        layers: list[nn.Module] = []
        for index in range(convolutions):
            channels = in_channels if index == 0 else out_channels
            bias = norm == "none"
            layers.append(_CONVOLUTION[spatial_dims](channels, out_channels, kernel_size=3, padding=1, bias=bias))
            if norm != "none":
                layers.append(_NORM[norm, spatial_dims](out_channels, affine=True))
            layers.append(nn.ReLU())
        super().__init__(*layers)


class DecoderBlock(nn.Module):
    """Brings coarse features to the size of a skip connection, joins the two and convolves.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels of the coarse features.
        skip_channels: Channels of the skip connection; also of the output.
        convolutions: How many.
        norm: As in `ConvBlock`.
    """

    def __init__(self, spatial_dims: int, in_channels: int, skip_channels: int, convolutions: int, norm: Norm) -> None:
        super().__init__()
        self.convolve = ConvBlock(spatial_dims, in_channels + skip_channels, skip_channels, convolutions, norm)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """(B, in_channels, *half the size) and (B, skip_channels, *size) to (B, skip_channels, *size)."""
        fine = functional.interpolate(coarse, scale_factor=2, mode="nearest")
        for axis, length in enumerate(skip.shape[2:], start=2):
            fine = fine.narrow(axis, 0, length)
        features: Tensor = self.convolve(torch.cat([fine, skip], dim=1))
        return features


class UNet(nn.Module):
    """U-Net that takes any size: the output has exactly the size of the input.

    Every level halves the size by max-pooling and rounds up (9 becomes 5); on the way back features are repeated along
    each axis and the voxel too many is cropped, so that coarse voxel i always lies over fine voxels 2i and 2i + 1.

    Args:
        spatial_dims: 2 for (B, C, H, W), 3 for (B, C, X, Y, Z).
        in_channels: Channels of the image.
        out_channels: Number of classes; the output holds logits, (B, out_channels, *spatial).
        features: Channels of each level, from full resolution down to the bottleneck.
        convolutions_per_block: One number for all levels, or one for each level; a decoder has as many as the encoder
            of its level.
        norm: `batch`, `instance` or `none`. With `instance` an output depends on the whole image, not only on its
            receptive field.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 2,
        features: Sequence[int] = (8, 16, 32),
        convolutions_per_block: int | Sequence[int] = 2,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        counts = _counts(convolutions_per_block, len(features))
        _check(spatial_dims, {"in_channels": [in_channels], "out_channels": [out_channels], "features": features}, norm)
        self.spatial_dims = spatial_dims
        self.convolutions_per_block = counts
        inputs = (in_channels, *features[:-1])
        blocks = [
            ConvBlock(spatial_dims, before, after, count, norm)
            for before, after, count in zip(inputs, features, counts, strict=True)
        ]
        self.encoder = nn.ModuleList(blocks[:-1])
        self.bottleneck = blocks[-1]
        self.decoder = nn.ModuleList(
            DecoderBlock(spatial_dims, features[level + 1], features[level], counts[level], norm)
            for level in reversed(range(len(features) - 1))
        )
        self.head = _CONVOLUTION[spatial_dims](features[0], out_channels, kernel_size=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, in_channels, *spatial) to logits (B, out_channels, *spatial)."""
        pool = functional.max_pool2d if self.spatial_dims == 2 else functional.max_pool3d
        skips: list[Tensor] = []
        features = image
        for encode in self.encoder:
            features = encode(features)
            skips.append(features)
            features = pool(features, kernel_size=2, ceil_mode=True)
        features = self.bottleneck(features)
        for decode, skip in zip(self.decoder, reversed(skips), strict=True):
            features = decode(features, skip)
        logits: Tensor = self.head(features)
        return logits

    @property
    def receptive_field(self) -> int:
        """Width, in voxels along each axis, of the part of the image that one output voxel can depend on.

        The widest over all voxels: pooling makes it differ with the parity of the position. To either side an output
        voxel sees at most half of this plus one. Does not hold with instance norm.
        """
        *counts, deepest = self.convolutions_per_block
        width = 1
        for count in counts:
            width = (width + 2 * count) // 2 + 1  # coarse voxels that so many fine ones can touch
        width += 2 * deepest
        for count in reversed(counts):
            width = 2 * width + 2 * count
        return width


def _counts(convolutions_per_block: int | Sequence[int], levels: int) -> tuple[int, ...]:
    if isinstance(convolutions_per_block, int):
        counts: tuple[int, ...] = (convolutions_per_block,) * levels
    else:
        counts = tuple(convolutions_per_block)
    if len(counts) != levels or any(count < 1 for count in counts):
        raise ValueError(
            f"convolutions_per_block {convolutions_per_block!r} must be a positive number, "
            f"or {levels} of them, one for each of the features"
        )
    return counts


def _check(spatial_dims: int, channels: dict[str, Sequence[int]], norm: str) -> None:
    if spatial_dims not in _CONVOLUTION:
        raise ValueError(f"spatial_dims {spatial_dims!r} must be 2 or 3")
    for name, values in channels.items():
        if not values or any(value < 1 for value in values):
            raise ValueError(f"{name} {values!r} must be positive")
    if norm not in get_args(Norm):
        raise ValueError(f"norm {norm!r} must be one of {', '.join(get_args(Norm))}")
