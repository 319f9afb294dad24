"""What a user can get wrong, said so that it can be mended: the field, the value, what is allowed, the nearest name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EsegetaError(Exception):
    """Base of every error that is the user's to mend; shown without a traceback."""


class ConfigError(EsegetaError):
    """The config asks for something that does not exist or cannot be; nothing has run."""


class InputError(EsegetaError):
    """An image or label cannot be read or does not fit."""


class ModelError(EsegetaError):
    """A model cannot be built or loaded, or its output cannot be used."""


class StoreError(EsegetaError):
    """A run folder cannot be written or read."""


class IncompatibleError(EsegetaError):
    """A method, target or layer cannot be applied here; costs its own maps only."""


def unknown(what: str, name: object, allowed: Iterable[str], *, where: str = "") -> str:
    """The sentence for a name that does not exist.

    Args:
        what: The kind of thing, such as "method".
        name: What the user wrote.
        allowed: The names there are.
        where: Where it was looked for, such as "in the model".

    Returns:
        A message with the nearest names first, then all of them when they are few.
    """
    names = sorted(allowed)
    near = get_close_matches(str(name), names, n=3, cutoff=0.5)
    parts = [f"{what} {name!r} does not exist{' ' + where if where else ''}"]
    if near:
        parts.append("nearest: " + ", ".join(repr(n) for n in near))
    if len(names) <= 12:
        parts.append("allowed: " + (", ".join(names) or "none"))
    elif not near:
        parts.append("some that exist: " + ", ".join(names[:12]) + ", …")
    return "; ".join(parts)
