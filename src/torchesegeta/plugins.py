"""Registries: classes of one kind by name, from this package and from others."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, Generic, Protocol, TypeVar

log = logging.getLogger(__name__)


class Named(Protocol):
    """What can be registered."""

    name: ClassVar[str]


T = TypeVar("T", bound=Named)
C = TypeVar("C", bound=type[Named])


class Registry(Generic[T]):
    """Classes by name: those in a package, a file each, and those that other packages announce.

    Args:
        kind: What they are, for messages.
        package: The package; the entry points of others have its name.

    Attributes:
        classes: Those that are known so far, by name.
        scanned: Whether the package and the entry points have been gone through.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self.classes: dict[str, type[T]] = {}
        self.scanned = False

    def register(self, name: str) -> Callable[[C], C]:
        """Register a class under a name.

        Raises:
            ValueError: The name is taken.
        """

        def add(added: C) -> C:
            if name in self.classes:
                taken = self.classes[name].__module__
                raise ValueError(f"{self.kind} {name!r} is registered twice: {taken}, {added.__module__}")
            added.name = name
            self.classes[name] = added  # type: ignore[assignment]
            return added

        return add

    def known(self) -> dict[str, type[T]]:
        """All of them, in the order of their names."""
        if not self.scanned:
            self.scanned = True
            self._scan()
        return dict(sorted(self.classes.items()))

    def _scan(self) -> None:
        for module in pkgutil.iter_modules(import_module(self.package).__path__):
            import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.package):
            try:
                point.load()
            except Exception as error:
                log.warning("the %s %r of %r cannot be loaded: %s", self.kind, point.name, point.value, error)
