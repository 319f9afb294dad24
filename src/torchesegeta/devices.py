"""Devices by name."""

from __future__ import annotations

import torch

from torchesegeta.errors import ConfigError


def torch_device(name: str | torch.device, *, where: str = "device") -> torch.device:
    """A device.

    Args:
        name: As torch names it: "cpu", "cuda", "cuda:1".
        where: The field it stands in, for messages.

    Raises:
        ConfigError: There is no such device here.
    """
    here = torch.cuda.device_count()
    allowed = ", ".join(["'cpu'", *(f"'cuda:{i}'" for i in range(here))])
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"{where}: {name!r} is not a device; allowed: {allowed}") from error
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= here):
        raise ConfigError(f"{where}: {str(name)!r} is not available here; allowed: {allowed}")
    return device
