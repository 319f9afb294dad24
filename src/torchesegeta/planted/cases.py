"""The cases: a model, an image, what is explained, and where in the image the truth lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.draws import uniform
from torchesegeta.planted.nets import Gated, Linear, Segmenter, Shortcut
from torchesegeta.types import Image

SIZES: Mapping[int, tuple[int, ...]] = {2: (32, 28), 3: (16, 14, 18)}
"""Of the images, by dimension: unequal along every axis."""

Box = Sequence[tuple[float, float]]
"""Start and stop along each axis, as shares of the image."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A case.

    Attributes:
        name: `linear`, `shortcut`, `gated` or `receptive_field`.
        dims: 2 or 3.
        about: What decides, in a sentence.
        model: The model.
        image: The image; its label is 1 where the truth lies.
        other: A second image of the kind, for methods that exchange parts between images.
        target: What is explained.
        exact: (1, *spatial), the exact attribution w·x of a linear model, or None.
    """

    name: str
    dims: int
    about: str
    model: nn.Module
    image: Image
    other: Image
    target: Any
    exact: Tensor | None = None

    @property
    def title(self) -> str:
        """Such as "shortcut, 3D"."""
        return f"{self.name.replace('_', ' ')}, {self.dims}D"


def cases(dims: Sequence[int] = (2, 3)) -> Iterator[Planted]:
    """Every case, in so many dimensions."""
    makers: tuple[Callable[[int], Planted], ...] = (linear, shortcut, gated, receptive_field)
    for count in dims:
        for make in makers:
            yield make(count)


def linear(dims: int) -> Planted:
    """Two logits Σ w·x; of class 1 one half of a block speaks for it, the other half against it."""
    shape = SIZES[dims]
    where = block(shape, [(0.25, 0.6)] * dims)
    ahead = block(shape, [(0.0, 0.42), *[(0.0, 1.0)] * (dims - 1)])
    sizes = 0.5 + uniform(shape, "planted weights", 0)
    weights = torch.zeros(2, *shape)
    weights[0] = block(shape, [(0.65, 0.95)] * dims) * sizes
    weights[1] = where * sizes * (2.0 * ahead - 1.0)
    data = 0.5 + texture(shape, 0)
    about = "Σ w·x over a block, one half for the class, the other against it"
    return Planted(
        "linear", dims, about, Linear(weights), _image(data, where), _image(data.flip(1)), 1, weights[1][None] * data
    )


def shortcut(dims: int) -> Planted:
    """A bright mark in a corner decides, not the large bright thing in the middle."""
    shape = SIZES[dims]
    corner, truth = (_in_voxels(shape, [span] * dims) for span in ((2, 5), (1, 6)))
    middle = block(shape, [(0.4, 0.75)] * dims)
    data = 0.2 * texture(shape, 1) + 0.7 * middle
    other = data.clone()
    data[0][corner] = 1.0
    about = "a bright mark in a corner, not the large bright thing in the middle"
    return Planted("shortcut", dims, about, Shortcut(corner, middle), _image(data, truth), _image(other), 1)


def gated(dims: int) -> Planted:
    """What lies in one region counts only while another is bright; a third is as bright and means nothing."""
    shape = SIZES[dims]
    switch = block(shape, [(0.1, 0.35)] * dims)
    evidence = block(shape, [(0.55, 0.85)] * dims)
    nothing = block(shape, [(0.1, 0.35), *[(0.55, 0.85)] * (dims - 1)])
    dim, bright = texture(shape, 2), 0.6 + 0.4 * texture(shape, 2)
    data = torch.where(switch | nothing, bright, dim)
    about = "the mean of one block, let through while another block is bright; a third is as bright and means nothing"
    closed = torch.where(nothing, bright, texture(shape, 4) * (1.0 - 0.8 * switch.float()))
    return Planted("gated", dims, about, Gated(switch, evidence), _image(data, switch | evidence), _image(closed), 1)


def receptive_field(dims: int) -> Planted:
    """Voxels of a segmentation see two voxels to each side."""
    shape = SIZES[dims]
    box = [(6 + axis, 9 + axis) for axis in range(dims)]
    reach = Segmenter.REACH
    seen = _in_voxels(shape, [(start - reach, stop + reach) for start, stop in box])
    data = 0.25 + texture(shape, 3)
    about = f"a box of a segmentation, and {reach} voxels around it: what its output can see"
    target = {"kind": "region", "class": [1], "box": box}
    return Planted("receptive_field", dims, about, Segmenter(dims), _image(data, seen), _image(data.flip(1)), target)


def block(shape: Sequence[int], box: Box) -> Tensor:
    """(*spatial), bool: the inside of a box that is given as shares of the image."""
    spans = [(round(a * n), round(b * n)) for (a, b), n in zip(box, shape, strict=True)]
    return _in_voxels(shape, spans)


def _in_voxels(shape: Sequence[int], box: Sequence[tuple[int, int]]) -> Tensor:
    inside = torch.zeros(tuple(shape), dtype=torch.bool)
    inside[tuple(slice(start, stop) for start, stop in box)] = True
    return inside


def texture(shape: tuple[int, ...], number: int) -> Tensor:
    """(1, *spatial), uniform in [0, 1)."""
    return uniform((1, *shape), "planted texture", number)


def _image(data: Tensor, truth: Tensor | None = None) -> Image:
    name = "image" if truth is not None else "other"
    return Image(data, name=name, label=None if truth is None else truth.long())
