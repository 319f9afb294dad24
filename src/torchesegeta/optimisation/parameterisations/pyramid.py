"""`Pyramid`: a picture is a sum of layers from coarse to fine (a Laplacian pyramid; Olah et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.draws import normal
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.resize import coarse, enlarge, resized


@dataclass(frozen=True)
class Pyramid(Parameterisation):
    """Layers of which each has half the size of the next finer one, enlarged linearly and added up.

    Attributes:
        levels: How many; those that would be smaller than two voxels along the longest axis are left out.
        deviation: Of every layer's voxels at the start, unless the picture starts from a given one.
    """

    levels: int = 5
    deviation: float = 0.01

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        like = at_least_single(blank.image)
        if blank.given is not None:
            return PyramidCanvas(_decomposed(blank.given.to(like), self.sizes(blank.spatial)), blank.image.dtype)
        layers = [
            torch.stack([normal((blank.shape[0], *size), f"{key}|level {level}", n) for key, n in blank.names])
            for level, size in enumerate(self.sizes(blank.spatial))
        ]
        return PyramidCanvas([self.deviation * layer.to(like) for layer in layers], blank.image.dtype)

    def sizes(self, spatial: Sequence[int]) -> list[tuple[int, ...]]:
        """Spatial shapes of the layers, the finest first."""
        coarser = [coarse(spatial, 2**level) for level in range(1, self.levels)]
        return [tuple(spatial), *(size for size in coarser if max(size) > 1)]


class PyramidCanvas(Canvas):
    """Layers of pictures: (pictures, C, *size) each, the finest first."""

    def __init__(self, layers: Sequence[Tensor], dtype: torch.dtype) -> None:
        self.parameters = [layer.clone().requires_grad_() for layer in layers]
        self.dtype = dtype

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        finest, *coarser = self.parameters
        total = finest
        for layer in coarser:
            total = total + enlarge(layer, finest.shape[2:])
        return total.to(self.dtype)


def _decomposed(pictures: Tensor, sizes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Layers whose sum the pictures are: of what coarser ones leave over, each takes what it can hold."""
    layers, rest = [], pictures
    for size in reversed(sizes[1:]):
        layers.append(resized(rest, size))
        rest = rest - enlarge(layers[-1], pictures.shape[2:])
    return [rest, *reversed(layers)]
