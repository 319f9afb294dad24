"""One small network whose activation is written in many ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Callable[[Tensor], Tensor]


class Net(nn.Module):
    """(B, 2, *spatial) to three logits; the activation is called twice, a skip connection passes it by."""

    def __init__(self, activation: Activation, dims: int = 2) -> None:
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.first = conv(2, 4, 3, padding=1)
        self.second = conv(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 3)
        self.activation = activation

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.activation(self.first(image))
        hidden = self.activation(self.second(hidden) + hidden)
        pool = functional.max_pool2d if image.ndim == 4 else functional.max_pool3d
        return self.head((pool(hidden, 2) ** 2).flatten(2).mean(2))  # type: ignore[no-any-return]


def build(activation: Activation, dims: int = 2) -> Net:
    """The network, with the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Net(activation, dims)


def image(dims: int = 2) -> Tensor:
    """(2, *spatial)."""
    return torch.randn(2, *(9, 10, 8)[:dims], generator=torch.Generator().manual_seed(0))


def _assigned(x: Tensor) -> Tensor:
    x[x < 0] = 0
    return x


def _in_place(x: Tensor) -> Tensor:
    x.relu_()
    return x


RELUS: dict[str, Activation] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "functional": functional.relu,
    "functional in place": lambda x: functional.relu(x, inplace=True),
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "method, return value ignored": _in_place,
    "clamp": lambda x: x.clamp(min=0),
    "clip": lambda x: x.clip(0),
    "clamp_min_": lambda x: x.clamp_min_(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "max": lambda x: torch.max(torch.zeros_like(x), x),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where, other way round": lambda x: torch.where(x <= 0, torch.zeros_like(x), x),
    "times mask": lambda x: x * (x > 0),
    "times mask as float": lambda x: (x > 0).float() * x,
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "assignment": _assigned,
    "threshold in place": lambda x: functional.threshold(x, 0, 0, inplace=True),
    "hardtanh": lambda x: functional.hardtanh(x, 0, 1e6),
    "relu6, far from 6": functional.relu6,
    "aten": torch.ops.aten.relu.default,
}


class _Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return 2 * slopes[0]


def twice(x: Tensor) -> Tensor:
    """A ReLU, then a function of Python that no rule knows."""
    return _Twice.apply(x.relu())  # type: ignore[no-untyped-call, no-any-return]
