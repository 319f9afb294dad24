"""Devices by name."""

from __future__ import annotations

from collections.abc import Sequence

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


def device_names(devices: Sequence[str], *, where: str = "devices") -> list[str]:
    """The devices of a run, by name.

    Args:
        devices: Their names; "auto" alone: every GPU, or the CPU where there is none.
        where: The field they stand in, for messages.

    Raises:
        ConfigError: There is no such device here, or one stands twice.
    """
    if list(devices) == ["auto"]:
        return [f"cuda:{index}" for index in range(torch.cuda.device_count())] or ["cpu"]
    found = [torch_device(name, where=f"{where}[{i}]") for i, name in enumerate(devices)]
    places = [(device.type, device.index or 0) for device in found]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise ConfigError(
                f"{where}[{i}]: {devices[i]!r} stands twice; 'workers_per_device' gives it several workers"
            )
    return [str(device) for device in found]
