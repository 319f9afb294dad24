"""Discs, squares and crosses, and a small network that is trained in seconds to tell them apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

SIZE = 24
KINDS = ("disc", "square", "cross")
WIDTHS = (12, 12, 16, 16, 24, 24)
"""Channels of the convolutions; after every second the resolution is halved."""

IMAGES, STEPS, BATCH = 600, 200, 32


def shape_image(number: int) -> tuple[Tensor, int]:
    """Image (1, SIZE, SIZE) of a shape on a cloudy ground, and its class; both depend on the number alone."""
    source = torch.Generator().manual_seed(number)
    clouds = 0.5 * interpolate(torch.rand(1, 1, SIZE // 4, SIZE // 4, generator=source), (SIZE, SIZE), mode="bilinear")
    radius = int(torch.randint(4, 7, (), generator=source))
    row, column = (int(torch.randint(radius + 1, SIZE - radius - 1, (), generator=source)) for _ in range(2))
    away = torch.arange(SIZE)
    down, across = (away - row).abs()[:, None], (away - column).abs()[None]
    kind = number % len(KINDS)
    match KINDS[kind]:
        case "disc":
            inside = down.square() + across.square() <= radius**2
        case "square":
            inside = (down <= 0.85 * radius) & (across <= 0.85 * radius)
        case _:
            inside = ((3 * down <= radius) | (3 * across <= radius)) & (down <= radius) & (across <= radius)
    noise = 0.02 * torch.randn(SIZE, SIZE, generator=source)
    return clouds[0] + 0.6 * inside + noise, kind


def shape_network() -> nn.Sequential:
    """Six convolutions with ReLUs, two poolings, a linear layer; random weights that are always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(zip((1, *WIDTHS), WIDTHS, strict=False)):
            if number in (2, 4):
                layers.append(nn.MaxPool2d(2))
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], len(KINDS)))


def trained_shape_network() -> nn.Sequential:
    """The same, trained."""
    drawn = [shape_image(number) for number in range(IMAGES)]
    images, kinds = torch.stack([image for image, _ in drawn]), torch.tensor([kind for _, kind in drawn])
    network, order = shape_network(), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(STEPS):
        some = torch.randint(IMAGES, (BATCH,), generator=order)
        loss = cross_entropy(network(images[some]), kinds[some])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return network.eval()
