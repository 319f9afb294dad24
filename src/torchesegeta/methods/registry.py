"""The registry of methods."""

from __future__ import annotations

from torchesegeta.methods.base import Method
from torchesegeta.plugins import Registry

REGISTRY: Registry[Method] = Registry("method", "torchesegeta.methods")
register = REGISTRY.register


def methods() -> dict[str, type[Method]]:
    """All methods by name, in the order of their names."""
    return REGISTRY.known()
