"""`Ranged`: voxels as shares of the image's range."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.draws import uniform
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation


@dataclass(frozen=True)
class Ranged(Parameterisation):
    """Every voxel is a number of its own: 0 is its channel's lowest value in the image explained, 1 the highest.

    So learning rates mean the same in whatever units an image comes. A channel that is constant counts as 1 wide.

    Attributes:
        low: Pictures start from values drawn evenly between this share
        high: and this one, unless they start from a given one.
        clipped: Values stay within the image's range.
        decay: After a step a picture is drawn towards the image's mean by this share: an L2 penalty apart from the
            gradient (Loshchilov and Hutter 2019).
        blur: Standard deviation in voxels of a Gaussian that smooths the pictures
        every: after so many steps; 0 voxels: never.
    """

    low: float = 0.0
    high: float = 1.0
    clipped: bool = True
    decay: float = 0.0
    blur: float = 0.0
    every: int = 4

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        lowest, width = value_range(blank.image)
        if blank.given is not None:
            start = (blank.given - lowest) / width
        else:
            draws = [uniform(blank.shape, key, number) for key, number in blank.names]
            start = self.low + (self.high - self.low) * torch.stack(draws).to(blank.image)
        return RangedCanvas(self, start, lowest, width, (_mean(blank.image) - lowest) / width)


class RangedCanvas(Canvas):
    """Shares (pictures, C, *spatial) of a range that starts at `lowest` and is `width` wide, (C, 1, …) each."""

    def __init__(self, specification: Ranged, start: Tensor, lowest: Tensor, width: Tensor, centre: Tensor) -> None:
        self.specification, self.steps = specification, 0
        self.lowest, self.width, self.centre = lowest, width, centre
        self.parameters = [(start.clamp(0, 1) if specification.clipped else start.clone()).requires_grad_()]

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        return self.lowest + self.width * self.parameters[0]

    def settle(self) -> None:
        """See `Canvas.settle`."""
        shares, wanted = self.parameters[0], self.specification
        self.steps += 1
        if wanted.decay:
            shares.lerp_(self.centre.expand_as(shares), wanted.decay)
        if wanted.blur and self.steps % wanted.every == 0:
            shares.copy_(_smoothed(shares, wanted.blur))
        if wanted.clipped:
            shares.clamp_(0, 1)


def value_range(image: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest value of each channel of (C, *spatial), and how far it is to the highest, or 1: (C, 1, …) each."""
    flat = image.flatten(1)
    lowest, highest = flat.amin(1), flat.amax(1)
    width = torch.where(highest > lowest, highest - lowest, 1)
    return tuple(part.view(-1, *(1,) * (image.ndim - 1)) for part in (lowest, width))  # type: ignore[return-value]


def _mean(image: Tensor) -> Tensor:
    return image.flatten(1).mean(1).view(-1, *(1,) * (image.ndim - 1))


def _smoothed(pictures: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    axes = (0, 0, *(sigma,) * (pictures.ndim - 2))
    return torch.from_numpy(gaussian_filter(pictures.cpu().numpy(), axes, mode="nearest")).to(pictures)
