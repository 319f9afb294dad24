"""The registry: one decorator, one scan of this folder, and what other packages bring."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TypeVar

from torchesegeta.methods.base import Method

M = TypeVar("M", bound=type[Method])

log = logging.getLogger(__name__)

ENTRY_POINTS = "torchesegeta.methods"
_METHODS: dict[str, type[Method]] = {}


def register(name: str) -> Callable[[M], M]:
    """Register a method class under a name.

    Raises:
        ValueError: The name is taken.
    """

    def add(method: M) -> M:
        if name in _METHODS:
            raise ValueError(f"method {name!r} is registered twice: {_METHODS[name].__module__}, {method.__module__}")
        method.name = name
        _METHODS[name] = method
        return method

    return add


@cache
def _scan() -> None:
    package = import_module("torchesegeta.methods")
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"torchesegeta.methods.{module.name}")
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            log.warning("the method %r of %r cannot be loaded: %s", point.name, point.value, error)


def methods() -> dict[str, type[Method]]:
    """All methods by name, in the order of their names."""
    _scan()
    return dict(sorted(_METHODS.items()))
