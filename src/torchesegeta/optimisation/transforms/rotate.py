"""`Rotate`: pictures turned about their centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from math import cos, radians, sin
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from torchesegeta.optimisation.transforms.base import Transform


@dataclass(frozen=True)
class Rotate(Transform):
    """Linear interpolation; 0 enters from outside. Voxels count as cubes.

    A positive angle turns a slice, its first axis drawn downwards and its second to the right, counter-clockwise.

    Attributes:
        degrees: The angle is one of these, each as likely.
        planes: In 3D: turned in `one` of the three planes of axes, each as likely, or in `all`, by an angle each.
    """

    degrees: tuple[float, ...]
    planes: Literal["one", "all"] = "one"

    def __post_init__(self) -> None:
        if not self.degrees:
            raise ValueError("degrees is empty; at least one angle is needed")
        if self.planes not in ("one", "all"):
            raise ValueError(f"planes is {self.planes!r}; allowed: 'one', 'all'")

    def draw(self, source: torch.Generator, spatial: Sequence[int]) -> tuple[float, ...]:
        """An angle for each plane of two axes: (0, 1); in 3D (0, 1), (0, 2), (1, 2)."""
        count = len(list(combinations(spatial, 2)))
        angles = [self.degrees[int(torch.randint(len(self.degrees), (), generator=source))] for _ in range(count)]
        if self.planes == "all":
            return tuple(angles)
        turned = int(torch.randint(count, (), generator=source))
        return tuple(angle if plane == turned else 0.0 for plane, angle in enumerate(angles))

    def apply(self, pictures: Tensor, drawn: Sequence[float]) -> Tensor:
        """See `Transform.apply`: turned in the first plane last."""
        if not any(drawn):
            return pictures
        spatial = pictures.shape[2:]
        planes = combinations(range(len(spatial)), 2)
        matrix = reduce(
            torch.matmul, [_turn(len(spatial), *plane, angle) for plane, angle in zip(planes, drawn, strict=True)]
        )
        grid = _grid(matrix.to(pictures), spatial)
        return grid_sample(pictures, grid.expand(len(pictures), *grid.shape), align_corners=False)


def _turn(axes: int, down: int, right: int, angle: float) -> Tensor:
    """(axes, axes): from a place of the turned picture to that of the picture."""
    c, s = cos(radians(angle)), sin(radians(angle))
    matrix = torch.eye(axes, dtype=torch.float64)
    matrix[down, down] = matrix[right, right] = c
    matrix[down, right], matrix[right, down] = s, -s
    return matrix


def _grid(matrix: Tensor, spatial: Sequence[int]) -> Tensor:
    """(*spatial, axes): where each voxel comes from, as `grid_sample` counts places: −1 … 1, last axis first."""
    steps = [torch.arange(size).to(matrix) - (size - 1) / 2 for size in spatial]
    places = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1) @ matrix.T
    return (2 * places / matrix.new_tensor(spatial)).flip(-1)
