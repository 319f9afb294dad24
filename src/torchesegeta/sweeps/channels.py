"""Masks from a layer's channels: the image seen through each of them, or the layer without each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.edit import edited
from torchesegeta.sweeps.mask import Design, MaskPoints, Sources


@dataclass(frozen=True)
class LayerDesign(Design):
    """One mask per channel of each layer; the image's own activations are taken first."""

    names: tuple[str, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """See `Design.layers`."""
        return self.names

    def check(self, layer: str, activation: Tensor, image: Tensor) -> None:
        """Refuse a layer (C, *layer) whose channels are no pictures of the image.

        Raises:
            IncompatibleError: With the shape found.
        """
        if activation.ndim != image.ndim:
            raise IncompatibleError(
                f"layer {layer!r} puts out {(1, *activation.shape)}; a class activation map needs (batch, channels) "
                f"and {image.ndim - 1} spatial axes"
            )


class ChannelPoints(MaskPoints):
    """One point per channel, layer by layer; a row is the channel's number."""

    def __init__(self, image: Tensor, activations: Mapping[str, Tensor], chosen: Mapping[str, Tensor]) -> None:
        self.image, self.activations = image, activations
        self.channels = [(layer, int(c)) for layer in activations for c in chosen[layer]]
        self.weigh_equally(max(1, len(self.channels)), image)
        self.weights = self.weights[: len(self.channels)]

    def serving(self, layer: str | None) -> range:
        """See `MaskPoints.serving`."""
        mine = [i for i, (name, _) in enumerate(self.channels) if name == layer]
        return range(mine[0], mine[-1] + 1) if mine else range(0)

    def numbers(self, indices: range) -> Tensor:
        """The channels' numbers, (B,)."""
        return torch.tensor([self.channels[i][1] for i in indices], device=self.image.device)


@dataclass(frozen=True)
class Through(LayerDesign):
    """The image times each channel, scaled to 0 … 1 and enlarged (Wang et al. 2020).

    Attributes:
        top: Only so many channels of a layer, those whose activation varies most; None: all.
        scale_first: Scale before enlarging, not after.
        align_corners: Enlarge with the corner voxels aligned.
    """

    top: int | None = None
    scale_first: bool = False
    align_corners: bool = False

    @property
    def needs_ends(self) -> bool:
        """True: scores are compared with that of the replacement."""
        return True

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return _Through(image, replacement, sources.activations, self)

    def mask(self, channel: Tensor, shape: Sequence[int]) -> Tensor:
        """A channel (*layer) as a mask (*shape); a constant one hides everything."""
        channel = _scaled(channel) if self.scale_first else channel
        mode = LINEAR[len(shape)]
        mask = interpolate(channel[None, None], tuple(shape), mode=mode, align_corners=self.align_corners)[0, 0]
        return mask if self.scale_first else _scaled(mask)


def _scaled(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def _strongest(activation: Tensor, top: int | None) -> Tensor:
    """Numbers of the channels of (C, *layer) that vary most, in their own order."""
    if top is None or top >= len(activation):
        return torch.arange(len(activation))
    return activation.flatten(1).var(1).topk(top).indices.sort().values


class _Through(ChannelPoints):
    def __init__(self, image: Tensor, replacement: Tensor, activations: Mapping[str, Tensor], design: Through) -> None:
        super().__init__(image, activations, {layer: _strongest(a, design.top) for layer, a in activations.items()})
        self.replacement, self.design = replacement, design

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        channels = [self.activations[layer][c] for layer, c in (self.channels[i] for i in indices)]
        masks = torch.stack([self.design.mask(channel, self.image.shape[1:]) for channel in channels])
        return torch.lerp(self.replacement, self.image, masks[:, None]), self.numbers(indices)


@dataclass(frozen=True)
class Without(LayerDesign):
    """The image itself, each channel of a layer set to zero on the way (Desai & Ramaswamy 2020)."""

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        found = sources.activations
        return _Without(image, found, {layer: torch.arange(len(a)) for layer, a in found.items()})


class _Without(ChannelPoints):
    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        return self.image.expand(len(indices), *self.image.shape), self.numbers(indices)

    def editing(self, model: nn.Module, indices: range) -> AbstractContextManager[None]:
        """See `MaskPoints.editing`."""
        by_layer: dict[str, list[tuple[int, int]]] = {}
        for place, i in enumerate(indices):
            layer, channel = self.channels[i]
            by_layer.setdefault(layer, []).append((place, channel))
        return edited(model, {layer: _zeroing(places) for layer, places in by_layer.items()})


def _zeroing(places: Sequence[tuple[int, int]]) -> Callable[[Tensor], Tensor]:
    rows, channels = (torch.tensor(numbers) for numbers in zip(*places, strict=True))

    def zero(output: Tensor) -> Tensor:
        output = output.clone()
        output[rows.to(output.device), channels.to(output.device)] = 0
        return output

    return zero
