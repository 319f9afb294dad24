"""What a user writes under `methods`, checked against the registry and turned into tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from torchesegeta.errors import ConfigError, unknown
from torchesegeta.jobs import Task
from torchesegeta.methods import LayerMethod, Method, methods
from torchesegeta.validation import describe

Entry = str | Mapping[str, Any]


def parse_methods(entries: Sequence[Entry]) -> list[tuple[str, Method]]:
    """Labels and methods.

    Args:
        entries: A name, or a mapping with a `name`, parameters, and a `label` where the same name stands twice.

    Raises:
        ConfigError: No method, an unknown method or parameter, a value out of bounds, or one label twice.
    """
    if not entries:
        raise ConfigError("methods: the list is empty; give at least one")
    parsed = [_parse(entry, f"methods[{i}]") for i, entry in enumerate(entries)]
    for label, count in Counter(label for label, _ in parsed).items():
        if count > 1:
            raise ConfigError(f"methods: {label!r} stands {count} times; give each a 'label' of its own")
    return parsed


def _parse(entry: Entry, path: str) -> tuple[str, Method]:
    fields = {"name": entry} if isinstance(entry, str) else dict(entry)
    name = fields.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{path}: a method is a name or a mapping with a 'name'; got {entry!r}")
    known = methods()
    if name not in known:
        raise ConfigError(f"{path}: {unknown('method', name, known)}")
    label = fields.pop("label", name)
    if not isinstance(label, str) or not label or set(label) & set('/\\:*?"<>|'):
        raise ConfigError(f"{path}.label: {label!r} cannot be part of a file name")
    try:
        return label, known[name].model_validate(fields)
    except ValidationError as error:
        raise ConfigError(describe(error, path)) from error


def make_tasks(parsed: Sequence[tuple[str, Method]], layers: Sequence[str]) -> list[Task]:
    """Tasks with their places.

    Args:
        parsed: As of `parse_methods`.
        layers: The run's layers.
    """
    return [Task(label, method, tuple(dict.fromkeys(method.places(layers)))) for label, method in parsed]


def need_default_layer(parsed: Sequence[tuple[str, Method]]) -> bool:
    """Whether some method makes maps of layers and names none itself."""
    return any(isinstance(method, LayerMethod) and method.layers is None for _, method in parsed)
