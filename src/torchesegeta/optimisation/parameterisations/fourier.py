"""`Fourier`: a picture is its spectrum, so that slow changes are as easy as fast ones (Olah et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.draws import normal
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation

SHRINK = 4.0
"""What pictures are divided by, as published with the method."""


@dataclass(frozen=True)
class Fourier(Parameterisation):
    """The real Fourier transform in the picture's own dimension, its frequencies weighed by 1 / frequency^decay.

    Attributes:
        deviation: Of the parameters at the start, unless the picture starts from a given one.
        decay: The exponent; None: half the number of dimensions, which gives every octave the same share of the
            picture's variance: 1 in 2D, as published, and 1.5 in 3D.
    """

    deviation: float = 0.01
    decay: float | None = None

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`."""
        weights = self.weights(blank.spatial).to(at_least_single(blank.image))
        if blank.given is not None:
            spectrum = _forward(SHRINK * at_least_single(blank.given)) / weights
        else:
            # The spectrum of white noise, so that no axis is drawn otherwise than another.
            noise = torch.stack([normal(blank.shape, key, number) for key, number in blank.names])
            spectrum = _forward(noise.to(weights)) * self.deviation * sqrt(2)
        return FourierCanvas(torch.view_as_real(spectrum), weights, blank.spatial, blank.image.dtype)

    def weights(self, spatial: Sequence[int]) -> Tensor:
        """What each frequency is multiplied by: (*spatial[:-1], spatial[-1] // 2 + 1), in float64.

        The lowest frequencies count as one period in the longest axis.
        """
        *others, last = spatial
        axes = [
            *(torch.fft.fftfreq(size, dtype=torch.float64) for size in others),
            torch.fft.rfftfreq(last, dtype=torch.float64),
        ]
        grid = torch.meshgrid(*axes, indexing="ij")
        frequency = torch.stack(grid).square().sum(0).sqrt()
        decay = len(spatial) / 2 if self.decay is None else self.decay
        return frequency.clamp(min=1 / max(spatial)).pow(-decay)


class FourierCanvas(Canvas):
    """Spectra of pictures: real and imaginary parts, (pictures, C, *frequencies, 2)."""

    def __init__(self, spectrum: Tensor, weights: Tensor, spatial: Sequence[int], dtype: torch.dtype) -> None:
        self.parameters = [spectrum.clone().requires_grad_()]
        self.weights, self.spatial, self.dtype = weights, tuple(spatial), dtype
        evened = _evened(spatial[-1]).to(weights)
        self.parameters[0].register_hook(lambda gradient: gradient * evened)  # type: ignore[no-untyped-call]

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        spectrum = torch.view_as_complex(self.parameters[0]) * self.weights
        axes = tuple(range(-len(self.spatial), 0))
        pictures: Tensor = torch.fft.irfftn(spectrum, s=self.spatial, dim=axes, norm="ortho")
        return pictures.div(SHRINK).to(self.dtype)


def _evened(size: int) -> Tensor:
    """What the gradients of the last axis's frequencies are multiplied by: (frequencies, 1).

    Most stand for their opposites too and so have twice the slope; halved, no axis is changed otherwise than another.
    """
    alone = torch.arange(size // 2 + 1) * 2 % size == 0
    return torch.where(alone, 1.0, 0.5)[:, None]


def _forward(pictures: Tensor) -> Tensor:
    spectrum: Tensor = torch.fft.rfftn(pictures, dim=tuple(range(2, pictures.ndim)), norm="ortho")
    return spectrum
