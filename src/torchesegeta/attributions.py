"""A collection of attributions, by name, layer, target and image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from torchesegeta.errors import unknown
from torchesegeta.types import Attribution


class Attributions(Sequence[Attribution]):
    """The maps of a call or a run, in the order in which they were made."""

    def __init__(self, items: Iterable[Attribution]) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Attribution]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: int | str) -> Attribution: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Attribution]: ...
    def __getitem__(self, index: int | str | slice) -> Attribution | Sequence[Attribution]:
        """A map by position, or the only one of a method (its name, or its label).

        Raises:
            KeyError: There is none, or several; lists what there is.
        """
        return self.select(index) if isinstance(index, str) else self._items[index]

    def __repr__(self) -> str:
        return f"Attributions({len(self)}: {', '.join(dict.fromkeys(m.label for m in self))})"

    def select(
        self,
        method: str | None = None,
        *,
        layer: str | None = None,
        target: int | str | None = None,
        image: str | None = None,
    ) -> Attribution:
        """Exactly one map.

        Args:
            method: Method name or label.
            layer: Dotted name of the layer.
            target: Class name or class index.
            image: Name of the image.

        Raises:
            KeyError: None fits, or several do; lists them.
        """
        found = [m for m in self if method is None or method in (m.label, m.method)]
        if method is not None and not found:
            raise _Key(unknown("method", method, {m.label for m in self}, where="among these maps"))
        found = [m for m in found if layer is None or m.layer == layer]
        found = [m for m in found if target is None or _is_target(m, target)]
        chosen = [m for m in found if image is None or m.image == image]
        if len(chosen) == 1:
            return chosen[0]
        listed = chosen or [m for m in self if method is None or method in (m.label, m.method)]
        many = f"{len(chosen)} maps fit; narrow it down" if chosen else "no map fits; there are"
        raise _Key(f"{many}: " + "; ".join(_describe(m) for m in listed[:40]) + ("; …" if len(listed) > 40 else ""))


class _Key(KeyError):
    """A KeyError whose message is shown as it is written."""

    def __str__(self) -> str:
        return str(self.args[0])


def _is_target(attribution: Attribution, target: int | str) -> bool:
    return attribution.target == str(target) or (isinstance(target, int) and attribution.target_index == target)


def _describe(attribution: Attribution) -> str:
    parts = [f"method={attribution.label!r}", f"layer={attribution.layer!r}", f"target={attribution.target!r}"]
    return f"({', '.join([*parts, f'image={attribution.image!r}'])})"
