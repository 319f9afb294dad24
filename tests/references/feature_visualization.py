"""A channel's mean, a neuron, a layer's mean square or the score raised by Adam from a uniform picture.

The spectrum is a whole one, of which the picture is the real part; every pair of opposite frequencies is there twice.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor, nn

from .record import Score

EDGE = 0.05


def reference(
    score: Score,
    image: Tensor,
    *,
    start_noise: Tensor,
    layer: nn.Module | None = None,
    of: str = "channel",
    channels: int = 0,
    parameterisation: str = "fourier",
    colours: str = "image",
    value_range: str = "image",
    start: str = "mean",
    steps: int = 3,
    transforms: str = "none",
) -> Tensor:
    objective = _objective(score, layer, of, channels)
    parameters, picture = _spectrum(start_noise) if parameterisation == "fourier" else _pixels(start_noise)
    shown = _colours(image[0], colours, value_range, start)
    parameters.requires_grad_()
    optimiser = torch.optim.Adam([parameters], lr=0.05)
    for _ in range(steps):
        (slope,) = torch.autograd.grad(objective(shown(picture(parameters))[None]), parameters)
        parameters.grad = -slope
        optimiser.step()
    return shown(picture(parameters)).detach()


def _objective(score: Score, layer: nn.Module | None, of: str, channel: int) -> Callable[[Tensor], Tensor]:
    def value(picture: Tensor) -> Tensor:
        if layer is None:
            return score(picture)
        found: list[Tensor] = []
        hook = layer.register_forward_hook(lambda _module, _inputs, output: found.append(output[0]))
        score(picture)
        hook.remove()
        (activation,) = found
        where = tuple(n // 2 for n in activation.shape[1:])
        return {"neuron": activation[channel][where], "layer": activation.square().mean()}.get(
            of, activation[channel].mean()
        )

    return value


def _pixels(noise: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    return 0.01 * noise, lambda values: values


def _spectrum(noise: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    axes = tuple(range(1, noise.ndim))
    squares = [torch.fft.fftfreq(n).square() for n in noise.shape[1:]]
    total = squares[0]
    for more in squares[1:]:
        total = total[..., None] + more
    weights = 1 / total.sqrt().clamp(min=1 / max(noise.shape[1:])) ** (len(axes) / 2)
    spectrum = torch.fft.fftn(noise, dim=axes, norm="ortho") * 0.01 * sqrt(2)

    def picture(values: Tensor) -> Tensor:
        whole: Tensor = torch.fft.ifftn(torch.view_as_complex(values) * weights, dim=axes, norm="ortho")
        return whole.real / 4

    return torch.view_as_real(spectrum).clone(), picture


def _colours(image: Tensor, colours: str, value_range: str, start: str) -> Callable[[Tensor], Tensor]:
    pixels = image.flatten(1)
    low, high = pixels.min(1).values[:, None], pixels.max(1).values[:, None]
    border = torch.ones(image.shape[1:], dtype=torch.bool)
    border[(slice(1, -1),) * (image.ndim - 1)] = False
    begun = {"mean": pixels.mean(1), "middle": (low + high)[:, 0] / 2, "background": image[:, border].median(1).values}
    matrix = _matrix((pixels - low) / (high - low)) if colours == "image" else torch.eye(len(image))

    def shown(values: Tensor) -> Tensor:
        mixed = matrix @ values.flatten(1)
        if value_range == "none":
            return (begun[start][:, None] + (high - low) / 4 * mixed).view_as(image)
        share = ((begun[start][:, None] - low) / (high - low)).clamp(EDGE, 1 - EDGE)
        return (low + (high - low) * torch.sigmoid(torch.log(share / (1 - share)) + mixed)).view_as(image)

    return shown


def _matrix(shares: Tensor) -> Tensor:
    """Eigenvectors of the covariance, the largest first and its largest entry positive, as long as their deviation."""
    values, vectors = torch.linalg.eigh(torch.cov(shares.double()))
    columns = []
    for value, vector in sorted(zip(values.tolist(), vectors.T, strict=True), key=lambda pair: -pair[0]):
        length = max(0.1, sqrt(value / float(values[-1])))
        columns.append(length * vector * vector[vector.abs().argmax()].sign())
    return torch.stack(columns, 1).float()
