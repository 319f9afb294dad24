"""Devices by name, and what a model tells of its images."""

from __future__ import annotations

import torch
from torch import nn

from torchesegeta.errors import ConfigError


def torch_device(name: str | torch.device) -> torch.device:
    """A device.

    Raises:
        ConfigError: There is no such device here.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device: {name!r} is not a device; allowed: 'cpu', 'cuda', 'cuda:0', …") from error
    here = torch.cuda.device_count()
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= here):
        allowed = ", ".join(["'cpu'", *(f"'cuda:{i}'" for i in range(here))])
        raise ConfigError(f"device: {str(name)!r} is not available here; allowed: {allowed}")
    return device


def model_dims(model: nn.Module) -> int | None:
    """Spatial dimensions of a model, told by its first convolution; None without one."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            return 2
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            return 3
    return None
