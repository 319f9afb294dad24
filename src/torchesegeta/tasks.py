"""What a user writes under `methods`, checked against the registry and turned into tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from torchesegeta.errors import ConfigError, unknown
from torchesegeta.jobs import Task
from torchesegeta.methods import LayerMethod, Method, methods
from torchesegeta.validation import Strict, describe

Entry = str | Mapping[str, Any]
S = TypeVar("S", bound=Strict)


@dataclass(frozen=True)
class Wanted:
    """A method as a user wants it.

    Attributes:
        label: Its name among the others.
        method: The method and its parameters.
        timeout_s: Seconds it may take for an image; None: any time.
    """

    label: str
    method: Method
    timeout_s: float | None = None


def parse_methods(entries: Sequence[Entry]) -> list[Wanted]:
    """Labels, methods and time limits.

    Args:
        entries: A name, or a mapping with a `name`, parameters, a `label` where the same name stands twice, and
            `timeout_s`.

    Raises:
        ConfigError: No method, an unknown method or parameter, a value out of bounds, or one label twice.
    """
    if not entries:
        raise ConfigError("methods: the list is empty; give at least one")
    parsed = [_parse(entry, f"methods[{i}]") for i, entry in enumerate(entries)]
    check_labels("methods", [wanted.label for wanted in parsed])
    return parsed


def check_labels(field: str, labels: Sequence[str]) -> None:
    """Refuse equal labels.

    Raises:
        ConfigError: One stands twice.
    """
    for label, count in Counter(labels).items():
        if count > 1:
            raise ConfigError(f"{field}: {label!r} stands {count} times; give each a 'label' of its own")


def _parse(entry: Entry, path: str) -> Wanted:
    return Wanted(*parse_entry(entry, path, "method", methods()))


def parse_entry(entry: Entry, path: str, what: str, known: Mapping[str, type[S]]) -> tuple[str, S, float | None]:
    """Label, object and time limit of an entry of a registry.

    Args:
        entry: A name, or a mapping with a `name`, parameters, and perhaps `label` and `timeout_s`.
        path: Of the entry in the config, such as `methods[2]`.
        what: The kind of thing.
        known: The registry.

    Raises:
        ConfigError: An unknown name or parameter, or a value out of bounds.
    """
    fields = {"name": entry} if isinstance(entry, str) else dict(entry)
    name = fields.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{path}: a {what} is a name or a mapping with a 'name'; got {entry!r}")
    if name not in known:
        raise ConfigError(f"{path}: {unknown(what, name, known)}")
    label = fields.pop("label", name)
    if not isinstance(label, str) or not label or set(label) & set('/\\:*?"<>|'):
        raise ConfigError(f"{path}.label: {label!r} cannot be part of a file name")
    timeout = _timeout(fields.pop("timeout_s", None), path)
    try:
        return label, known[name].model_validate(fields), timeout
    except ValidationError as error:
        raise ConfigError(describe(error, path)) from error


def _timeout(value: Any, path: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ConfigError(f"{path}.timeout_s: {value!r} is not a number of seconds above 0")
    return float(value)


def make_tasks(parsed: Sequence[Wanted], layers: Sequence[str]) -> list[Task]:
    """Tasks with their places.

    Args:
        parsed: As of `parse_methods`.
        layers: The run's layers.
    """
    return [Task(w.label, w.method, tuple(dict.fromkeys(w.method.places(layers))), w.timeout_s) for w in parsed]


def need_default_layer(parsed: Sequence[Wanted]) -> bool:
    """Whether some method makes maps of layers and names none itself."""
    layered = [w.method for w in parsed if isinstance(w.method, LayerMethod)]
    return any(method.layers is None and not method.places(()) for method in layered)
