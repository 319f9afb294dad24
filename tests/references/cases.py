"""What every twin is held against: a network, an image and a score in two and three dimensions, and known draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from .nets import build

SIZES = {2: (9, 11), 3: (8, 9, 10)}
CLASS = 1
ROLLS = (2, -1, 3)
"""Voxels along each axis."""
LAYERS = ("first_relu", "second")
"""One layer at the image's resolution, one below it with values of both signs."""


@dataclass(frozen=True, eq=False)
class Case:
    """One network with one image: `kind` is classification or segmentation, `dims` 2 or 3."""

    kind: str
    dims: int
    model: nn.Module
    image: Tensor
    target: Mapping[str, Any]
    score: Callable[[Tensor], Tensor]

    def layer(self, name: str | None) -> nn.Module | None:
        """A layer of the network by its name."""
        return None if name is None else self.model.get_submodule(name)


@cache
def case(kind: str, dims: int) -> Case:
    """A case, the same every time; its image is (1, 2, *spatial)."""
    source = torch.Generator().manual_seed(dims)
    model = build(kind, dims)
    image = torch.randn(1, 2, *SIZES[dims], generator=source)
    if kind == "classification":
        target: dict[str, Any] = {"kind": "class", "classes": [CLASS]}
        return Case(kind, dims, model, image, target, lambda point: model(point)[0, CLASS])
    mask = torch.rand(SIZES[dims], generator=source) < 0.4
    target = {"kind": "region", "class": CLASS, "mask": mask}
    return Case(kind, dims, model, image, target, lambda point: model(point)[0, CLASS][mask].sum())


def noise_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """A known draw of standard normal noise in place of the engine's."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(100 + index))


def mixing_at(count: int, key: str, index: int) -> tuple[float, int]:
    """A known coefficient and baseline in place of the engine's draw."""
    return (0.37 * (index + 1)) % 1, (2 * index + 1) % count


def permutation_at(count: int, key: str, index: int) -> Tensor:
    """A known order of features in place of the engine's."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(200 + index))


def coalition_at(count: int, key: str, index: int) -> Tensor:
    """A known coalition of features in place of the engine's: neither empty nor full."""
    row = (torch.rand(count, generator=torch.Generator().manual_seed(300 + index)) < 0.5).float()
    row[index % count], row[(index + 1) % count] = 0, 1
    return row


def grid_at(dims: int, cells: int, share: float, key: str, index: int) -> tuple[Tensor, Tensor]:
    """A known coarse grid and shift in place of the engine's."""
    source = torch.Generator().manual_seed(400 + index)
    return torch.rand((cells,) * dims, generator=source).round(), torch.rand(dims, generator=source)


def coins_at(count: int, key: str, index: int) -> Tensor:
    """Known tosses of a coin in place of the engine's."""
    return torch.randint(2, (count,), generator=torch.Generator().manual_seed(500 + index)).float()


def sequence_of(count: int, samples: int, key: str) -> Tensor:
    """A known sequence in place of the engine's."""
    return torch.rand(samples, 2, count, generator=torch.Generator().manual_seed(600))


def shift_at(images: int, key: str, index: int) -> int:
    """Known shifts in place of the engine's."""
    return 1 + index % (images - 1)


def uniform(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """A known start of a picture in place of the engine's."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(700 + index))


def roll_by(transform: Any, source: torch.Generator, spatial: tuple[int, ...]) -> tuple[int, ...]:
    """Known voxels by which a picture is shifted round along each axis, in place of the engine's draw."""
    return ROLLS[: len(spatial)]


def places_at(shape: Sequence[int], key: str) -> Tensor:
    """A known order of a layer's places in place of the engine's."""
    return torch.randperm(prod(shape), generator=torch.Generator().manual_seed(700))


def companions(image: Tensor) -> list[Tensor]:
    """An image's set: itself and two more, (1, C, *spatial) each."""
    return [image, 0.5 * image.flip(1), 1 - image]


def baseline(image: Tensor) -> Tensor:
    """A baseline that is nowhere constant: (C, *spatial)."""
    return 0.5 * image[0].flip(1) - 0.2


def labels(image: Tensor) -> Tensor:
    """Five features of uneven shape: (*spatial)."""
    place = torch.stack(torch.meshgrid(*(torch.arange(n) for n in image.shape[2:]), indexing="ij"))
    return 3 * ((place[0] * place[1] + place.sum(0)) % 5) + 2


def baselines(image: Tensor) -> Tensor:
    """Three baselines: (3, C, *spatial)."""
    return torch.stack([torch.zeros_like(image[0]), baseline(image), -0.3 * image[0]])
