"""What layers a model has: names, shapes and parameters, seen in one pass; the layer a method takes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.errors import IncompatibleError
from torchesegeta.models import format_of, kind_of
from torchesegeta.sweeps.session import Session

DEEPEST = "deepest"
"""Stands for the layer of maps that are refused, since no layer can be watched."""


@dataclass(frozen=True)
class LayerInfo:
    """A module as one pass found it, in order of execution.

    Attributes:
        name: Dotted name.
        kind: Class of the module.
        shapes: Shape of each output tensor of the first call, without the batch axis.
        calls: Calls in a pass.
        parameters: Number of parameters, submodules included.
        is_output: Whether it puts out the model's own output.
    """

    name: str
    kind: str
    shapes: tuple[tuple[int, ...], ...]
    calls: int
    parameters: int
    is_output: bool


def probe_layers(session: Session) -> list[LayerInfo]:
    """Run one pass and describe every module that was called, in the order in which they finished.

    The pass is in float32, binds the session's target and tells the runner how often each module is called; of patches
    it is that over the first, and binding takes another over all. Parts of TorchScript are not seen.
    """
    runner, piece = session.alone, session.piece
    finished: dict[str, tuple[list[Tensor], int]] = {}
    hooks = []

    def hook(name: str) -> Any:
        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensors = [t for t in (output if isinstance(output, list | tuple) else [output]) if isinstance(t, Tensor)]
            first, calls = finished.pop(name, (tensors, 0))
            finished[name] = (first, calls + 1)

        return note

    try:
        hooks = [m.register_forward_hook(hook(n)) for n, m in runner.model.named_modules() if n and format_of(m).layers]
        with torch.no_grad(), runner.at("float32"):
            output = runner.forward(piece.data[None], piece.image.extras)
    finally:
        for handle in hooks:
            handle.remove()
    if piece is session and not session.is_bound:
        with runner.at("float32"):
            session.bind(output)
    _ = session.bound
    runner.calls.update({name: calls for name, (_, calls) in finished.items()})
    modules = dict(runner.model.named_modules())
    return [
        LayerInfo(
            name,
            kind_of(modules[name]),
            tuple(tuple(t.shape[1:]) for t in tensors),
            calls,
            sum(p.numel() for p in modules[name].parameters()),
            any(t is output for t in tensors),
        )
        for name, (tensors, calls) in finished.items()
    ]


def layer_by_default(session: Session, layers: list[LayerInfo]) -> str:
    """The layer that methods take without being told; `DEEPEST` where the model's format shows none.

    Raises:
        IncompatibleError: No layer has spatial axes.
    """
    if not format_of(session.runner.model).layers:
        return DEEPEST
    return default_layer(layers, session.piece.image.spatial_dims)


def default_layer(layers: list[LayerInfo], spatial_dims: int) -> str:
    """The deepest layer at the lowest resolution, output layers and single voxels left out where others exist.

    Raises:
        IncompatibleError: No layer has spatial axes.
    """
    spatial = [
        info for info in layers if info.calls == 1 and len(info.shapes) == 1 and len(info.shapes[0]) == spatial_dims + 1
    ]
    inner = [info for info in spatial if not info.is_output]
    wide = [info for info in inner if prod(info.shapes[0][1:]) > 1]
    candidates = wide or inner or spatial
    if not candidates:
        raise IncompatibleError("no layer of the model has spatial axes; name one with 'layers'")
    lowest = min(prod(info.shapes[0][1:]) for info in candidates)
    return [info for info in candidates if prod(info.shapes[0][1:]) == lowest][-1].name
