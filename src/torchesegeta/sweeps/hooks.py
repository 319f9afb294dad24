"""Hooks that code which is not ours left on a model: they would change every later map."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from torch import nn

KINDS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Hooks:
    """The hooks of a model's modules as they are now."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.known = {id(hooks): tuple(hooks) for _, hooks in self._all() if hooks}

    def put_back(self) -> list[str]:
        """Remove hooks that came since.

        Returns:
            The names of their modules.
        """
        found = []
        for name, hooks in self._all():
            new = [key for key in hooks if key not in self.known.get(id(hooks), ())]
            for key in new:
                del hooks[key]
            found += [name or "the model itself"] if new else []
        return list(dict.fromkeys(found))

    def _all(self) -> Iterator[tuple[str, MutableMapping[int, Any]]]:
        for name, module in self.model.named_modules():
            for kind in KINDS:
                hooks = getattr(module, kind, None)
                if isinstance(hooks, MutableMapping):
                    yield name, hooks
