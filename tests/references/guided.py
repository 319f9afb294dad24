"""Gradients with the backward step of every ReLU module replaced, by hooks on copies of the twins' plain networks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Step = Callable[[Tensor, Tensor], Tensor]
"""From a ReLU's input and the gradient at its output to the gradient at its input."""


def guided(x: Tensor, g: Tensor) -> Tensor:
    return torch.where((x > 0) & (g > 0), g, 0)


def deconvolved(x: Tensor, g: Tensor) -> Tensor:
    return torch.where(g > 0, g, 0)


@contextmanager
def relus(model: nn.Module, step: Step) -> Iterator[None]:
    """Inside, every ReLU module of a network passes gradients back by `step`."""
    handles = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            handles.append(module.register_forward_hook(_hook(step)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(step: Step) -> Callable[..., Tensor]:
    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        (x,) = inputs
        ruled = x * 1.0
        source = x.detach()
        ruled.register_hook(lambda g: step(source, g))  # type: ignore[no-untyped-call]
        return ruled + (output - x).detach()

    return hook
