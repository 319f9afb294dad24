"""`Cppn`: a picture is a small network from places to values (Mordvintsev et al. 2018, distill.00012)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.draws import normal
from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation

REACH = sqrt(3)
"""Coordinates along the longest axis go from −reach to reach: there their variance is 1."""
LINEAR, SQUARE = 0.67, 0.6
"""What the two parts of an activation are divided by, so that their mean squares are near 1."""


@dataclass(frozen=True)
class Cppn(Parameterisation):
    """A compositional pattern-producing network for each picture: smooth at any resolution, without noise.

    Each hidden layer ends in the arc tangent and its square, side by side. The last layer starts at 0, so that the
    picture starts uniform. Memory grows with voxels × hidden × depth.

    Attributes:
        hidden: Units of a hidden layer.
        depth: Hidden layers.
    """

    hidden: int = 24
    depth: int = 8

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`.

        Raises:
            IncompatibleError: The pictures start from given ones.
        """
        if blank.given is not None:
            raise IncompatibleError("a CPPN cannot start from an image; use pixels, Fourier or a pyramid")
        like = at_least_single(blank.image)
        layers = [
            torch.stack([self._drawn(blank, key, n, depth) for key, n in blank.names]) for depth in range(self.depth)
        ]
        layers.append(torch.zeros(len(blank.names), 2 * self.hidden + 1, blank.shape[0]))
        return CppnCanvas([layer.to(like) for layer in layers], coordinates(blank.spatial).to(like), blank)

    def _drawn(self, blank: Blank, key: str, number: int, depth: int) -> Tensor:
        """Weights of a hidden layer, and a last row of biases at 0."""
        inputs = 2 * self.hidden if depth else len(blank.spatial)
        weights = normal((inputs, self.hidden), f"{key}|layer {depth}", number) / sqrt(inputs)
        return torch.cat([weights, torch.zeros(1, self.hidden)])


class CppnCanvas(Canvas):
    """Layers of networks, one for each picture: (pictures, inputs + 1, outputs), the last row being the bias."""

    def __init__(self, layers: Sequence[Tensor], places: Tensor, blank: Blank) -> None:
        self.parameters = [layer.requires_grad_() for layer in layers]
        self.places, self.spatial, self.dtype = places, blank.spatial, blank.image.dtype

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        *hidden, last = self.parameters
        values = self.places.expand(len(last), *self.places.shape)
        for layer in hidden:
            bent = _affine(layer, values).atan()
            values = torch.cat([bent / LINEAR, bent.square() / SQUARE], 2)
        pictures = _affine(last, values).mT
        return pictures.reshape(*pictures.shape[:2], *self.spatial).to(self.dtype)


def _affine(layer: Tensor, values: Tensor) -> Tensor:
    return torch.baddbmm(layer[:, -1:], values, layer[:, :-1])


def coordinates(spatial: Sequence[int]) -> Tensor:
    """Places of voxels about the centre, in one unit along all axes: (voxels, dimensions)."""
    unit = 2 * REACH / max(1, max(spatial) - 1)
    axes = [unit * (torch.arange(size) - (size - 1) / 2) for size in spatial]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, -2)
