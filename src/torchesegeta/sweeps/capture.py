"""Records what layers put out during a forward pass, and where to take their gradients.

A record is a copy of the layer's own output, made before the network goes on, and the place of that output in the
autograd graph; the network itself runs on as if nobody watched. So a following in-place operation (`relu_`, `+=`,
`x[:, i] =`) touches neither the record nor the gradient, and the output cannot differ from the unwatched one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from torchesegeta.arrays import at_least_single
from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.models import format_of


@dataclass(frozen=True)
class LayerName:
    """A layer as the user writes it: `name`, `name#call`, `name:output`, `name#call:output`."""

    module: str
    call: int | None
    output: int | None

    @classmethod
    def parse(cls, text: str) -> LayerName:
        """Split a name.

        Raises:
            IncompatibleError: What follows `#` or `:` is no number.
        """
        rest, _, output = text.partition(":")
        module, _, call = rest.partition("#")
        for part in (output, call):
            if part and not part.isdigit():
                raise IncompatibleError(f"layer {text!r}: {part!r} is not a number; write name#call or name:output")
        return cls(module, int(call) if call else None, int(output) if output else None)


@dataclass(frozen=True)
class Record:
    """A layer's output: the copied values, and its place in the graph (None where nothing requires a gradient)."""

    values: Tensor
    edge: GradientEdge | None


class Stop(BaseException):
    """Ends a forward pass whose remainder nobody reads; no `except Exception` of a model's holds it up."""


class Capture:
    """The records of one forward pass.

    Args:
        layers: Names as in `LayerName`.
        calls: How often each module is called in a pass, as far as it is known; needed to stop early.
        stop: Leave the forward pass, by `Stop`, once all layers are recorded.
        borrow: The layer that the pass ends with is not copied: its record is read before the next pass.
    """

    def __init__(
        self, layers: Sequence[str], calls: Mapping[str, int], *, stop: bool = False, borrow: bool = False
    ) -> None:
        self.borrow = borrow
        self.names = {text: LayerName.parse(text) for text in layers}
        self.calls: Counter[str] = Counter()
        self.errors: dict[str, IncompatibleError] = {}
        self._records: dict[str, Record] = {}
        self._views: dict[str, tuple[Tensor, int]] = {}
        known = all(name.module in calls for name in self.names.values())
        self._left = sum(calls[m] for m in {n.module for n in self.names.values()}) if stop and known else None

    @contextmanager
    def watching(self, model: nn.Module) -> Iterator[Capture]:
        """Watch a model's forward pass; the hooks are gone afterwards, whatever happens."""
        with ExitStack() as hooks:
            for module in {name.module for name in self.names.values()}:
                hook = model.get_submodule(module).register_forward_hook(self._hook(module))
                hooks.callback(hook.remove)
            yield self

    def record(self, layer: str) -> Record:
        """The record of a layer.

        Raises:
            IncompatibleError: It was not called, called several times, has several outputs, or cannot be recorded.
        """
        if layer in self.errors:
            raise self.errors[layer]
        name = self.names[layer]
        calls = self.calls[name.module]
        if calls == 0:
            raise IncompatibleError(f"layer {layer!r} is not called in a forward pass")
        if name.call is None and calls > 1:
            choices = ", ".join(f"{name.module}#{i}" for i in range(min(calls, 6)))
            raise IncompatibleError(f"layer {layer!r} is called {calls} times in a pass; name the call: {choices}")
        if layer not in self._records:
            raise IncompatibleError(f"layer {layer!r}: there are only {calls} calls in a pass, counted from 0")
        if layer in self._views and self._views[layer][0]._version != self._views[layer][1]:
            raise IncompatibleError(f"layer {layer!r} puts out a view that the model then changes in place")
        return self._records[layer]

    def _hook(self, module: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            call = self.calls[module]
            self.calls[module] += 1
            ends = self._left is not None and sum(self.calls.values()) == self._left
            for layer, name in self.names.items():
                if name.module == module and name.call in (None, call) and layer not in self._records:
                    self._take(layer, name, output, copied=not (ends and self.borrow))
            if ends:
                raise Stop

        return hook

    def _take(self, layer: str, name: LayerName, output: Any, *, copied: bool) -> None:
        try:
            tensor = select_tensor(layer, output, name.output)
        except IncompatibleError as error:
            self.errors[layer] = error
            return
        edge = get_gradient_edge(tensor) if tensor.requires_grad else None
        values = _copied(tensor.detach()) if copied else at_least_single(tensor.detach())
        self._records[layer] = Record(values, edge)
        if tensor._is_view():
            self._views[layer] = (tensor, tensor._version)


def _copied(values: Tensor) -> Tensor:
    """A copy, in float32 where the values are narrower."""
    raised = at_least_single(values)
    return values.clone() if raised is values else raised


def select_tensor(layer: str, output: Any, index: int | None) -> Tensor:
    """The tensor of a layer's output.

    Raises:
        IncompatibleError: It has several and none was named, no such one, or not a floating point one.
    """
    if isinstance(output, list | tuple):
        if index is None and len(output) != 1:
            choices = ", ".join(f"{layer}:{i}" for i in range(len(output)))
            raise IncompatibleError(f"layer {layer!r} puts out {len(output)} values; name one: {choices}")
        if (index or 0) >= len(output):
            raise IncompatibleError(f"layer {layer!r}: it puts out {len(output)} values, counted from 0")
        output = output[index or 0]
    elif index:
        raise IncompatibleError(f"layer {layer!r}: it puts out one value, counted from 0")
    if not isinstance(output, Tensor) or not output.is_floating_point():
        raise IncompatibleError(f"layer {layer!r} puts out {type(output).__name__}, not a floating point tensor")
    return output


def check_layers(model: nn.Module, layers: Sequence[str]) -> None:
    """Refuse layers that the model does not have, or does not show.

    Raises:
        IncompatibleError: With the nearest names, or with the model's format.
    """
    if layers:
        format_of(model).need_layers()
    modules = dict(model.named_modules())
    for layer in layers:
        if LayerName.parse(layer).module not in modules or not LayerName.parse(layer).module:
            raise IncompatibleError(unknown("layer", layer, filter(None, modules), where="in the model"))
        if not format_of(modules[LayerName.parse(layer).module]).layers:
            raise IncompatibleError(f"layer {layer!r} is TorchScript and cannot be watched: give what it was made from")
