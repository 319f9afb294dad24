"""Weights drawn anew, module by module: what a cascade takes away from a copy of a model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor, nn

from torchesegeta.draws import generator, whole_number

Fresh = Literal["initial", "normal", "permuted"]


def own_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters of a module itself and its statistics, by name; not those of its parts, nor counters."""
    for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
        if tensor is not None and tensor.is_floating_point():
            yield name, tensor


@torch.no_grad()
def randomise(module: nn.Module, fresh: Fresh, key: str, known: set[int]) -> None:
    """Draw the parameters and statistics of a module itself anew, in place.

    Draws are made on the CPU and depend on `key` alone.

    Args:
        module: Part of a model.
        fresh: `initial`, as before training: by the module's own initialisation; `normal`, with the mean and the
            standard deviation that the values had; `permuted`, the values themselves in random order.
        key: Names the draw.
        known: Ids of tensors that were drawn already, which stay as they are: some are shared. Gets more.
    """
    initial = _initialised(module, key) if fresh == "initial" else {}
    for number, (name, tensor) in enumerate(own_tensors(module)):
        if id(tensor) in known:
            continue
        known.add(id(tensor))
        value = initial.get(name)
        if value is None:
            value = _permuted(tensor, key, number) if fresh == "permuted" else _normal(name, tensor, key, number)
        tensor.copy_(value)


def _initialised(module: nn.Module, key: str) -> dict[str, Tensor]:
    """What a module's own initialisation draws; nothing where it has none."""
    name = next((name for name in ("reset_parameters", "_reset_parameters") if hasattr(module, name)), None)
    if name is None or hasattr(module, "parametrizations"):
        return {}
    twin = copy.deepcopy(module).cpu()
    reset: Callable[[], None] = getattr(twin, name)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(whole_number(key, 0))
        reset()
    return dict(own_tensors(twin))


def _permuted(tensor: Tensor, key: str, number: int) -> Tensor:
    order = torch.randperm(tensor.numel(), generator=generator(key, number))
    return tensor.flatten()[order.to(tensor.device)].view_as(tensor)


def _normal(name: str, tensor: Tensor, key: str, number: int) -> Tensor:
    draw = torch.randn(tensor.shape, generator=generator(key, number)).to(tensor)
    spread = tensor.std() if tensor.numel() > 1 else tensor.abs().max()
    value = tensor.mean() + spread * draw
    return value.abs() if name == "running_var" else value
