"""What a report says about a method: title, family, summary, paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from torchesegeta.figures.heading import human


@dataclass(frozen=True)
class MethodInfo:
    """A method, for people.

    Attributes:
        title: Its name.
        family: The heading it is listed under.
        summary: One sentence.
        source: The paper.
    """

    title: str
    family: str = "Other methods"
    summary: str = ""
    source: str = ""


Catalogue: TypeAlias = Mapping[str, MethodInfo]
"""Registry name to what is said about it."""


def registered() -> dict[str, MethodInfo]:
    """All methods of the registry."""
    from torchesegeta.methods.registry import methods

    return {
        name: MethodInfo(method.title or human(name), method.family or "Other methods", method.summary(), method.source)
        for name, method in methods().items()
    }


def info(catalogue: Catalogue, name: str) -> MethodInfo:
    """What is known of a method; a title made of its name when nothing is."""
    return catalogue.get(name) or MethodInfo(human(name))
