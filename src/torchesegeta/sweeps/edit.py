"""Changes what layers put out during a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from torchesegeta.sweeps.capture import LayerName, select_tensor

Edit = Callable[[Tensor], Tensor]


@contextmanager
def edited(model: nn.Module, edits: Mapping[str, Edit]) -> Iterator[None]:
    """Put layers' outputs through functions; the hooks are gone afterwards, whatever happens.

    Args:
        model: Whose layers.
        edits: By layer, named as in `LayerName`; a call or an output that is not named is left alone.
    """
    modules = dict(model.named_modules())
    with ExitStack() as hooks:
        for layer, edit in edits.items():
            name = LayerName.parse(layer)
            hooks.callback(modules[name.module].register_forward_hook(_hook(layer, name, edit)).remove)
        yield


def _hook(layer: str, name: LayerName, edit: Edit) -> Any:
    calls = 0

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        if name.call not in (None, calls - 1):
            return None
        changed = edit(select_tensor(layer, output, name.output))
        if isinstance(output, Tensor):
            return changed
        place = name.output or 0
        items = [changed if i == place else item for i, item in enumerate(output)]
        return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)

    return hook
