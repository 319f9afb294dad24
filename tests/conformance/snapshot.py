"""Everything of a model that must be as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
)


def snapshot(model: nn.Module) -> dict[str, Any]:
    """Copies of what can be compared, by a name that a failure can show."""
    seen: dict[str, Any] = {}
    for name, module in model.named_modules():
        seen[f"mode of {name!r}"] = module.training
        seen[f"hooks of {name!r}"] = sum(len(getattr(module, kind)) for kind in HOOKS)
    for name, parameter in model.named_parameters():
        seen[f"identity of {name!r}"] = id(parameter)
        seen[f"values of {name!r}"] = parameter.detach().clone()
        seen[f"requires_grad of {name!r}"] = parameter.requires_grad
        seen[f"grad of {name!r}"] = None if parameter.grad is None else parameter.grad.clone()
        seen[f"hooks of {name!r}"] = len(parameter._backward_hooks or ())
    for name, buffer in model.named_buffers():
        seen[f"identity of {name!r}"] = id(buffer)
        seen[f"values of {name!r}"] = buffer.clone()
    return seen


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Name what differs."""
    changed = [name for name in before.keys() | after.keys() if not _same(before.get(name), after.get(name))]
    assert not changed, f"changed: {sorted(changed)}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    return bool(one == other)
