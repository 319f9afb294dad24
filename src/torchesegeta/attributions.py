"""A collection of attributions, by name, layer, target and image; and how it is saved and loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, overload

from torchesegeta.errors import unknown
from torchesegeta.store import read_maps, save_maps
from torchesegeta.types import Attribution, Image


class Attributions(Sequence[Attribution]):
    """The maps of a call or a run, in the order in which they were made.

    Args:
        items: The maps.
        images: What they explain, by name, as far as it is at hand: saved maps go back to the grid of its file.
    """

    def __init__(self, items: Iterable[Attribution], images: Mapping[str, Image] | None = None) -> None:
        self._items = list(items)
        self._images = dict(images or {})

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
            method: Label, or the method's name where that is no label.
            layer: Dotted name of the layer.
            target: Class name or class index.
            image: Name of the image.

        Raises:
            KeyError: None fits, or several do; lists them.
        """
        named = self._named(method)
        found = [m for m in named if layer is None or m.layer == layer]
        found = [m for m in found if target is None or _is_target(m, target)]
        chosen = [m for m in found if image is None or m.image == image]
        if len(chosen) == 1:
            return chosen[0]
        listed = chosen or named
        many = f"{len(chosen)} maps fit; narrow it down" if chosen else "no map fits; there are"
        raise _Key(f"{many}: " + "; ".join(_describe(m) for m in listed[:40]) + ("; …" if len(listed) > 40 else ""))

    def _named(self, method: str | None) -> list[Attribution]:
        if method is None:
            return self._items
        named = [m for m in self if m.label == method] or [m for m in self if m.method == method]
        if not named:
            raise _Key(unknown("method", method, {m.label for m in self}, where="among these maps"))
        return named

    def save(self, folder: Path | str, *, channels: Literal["sum", "keep"] = "sum") -> Path:
        """Write the maps as a run does: files with the image's place in space, a sidecar each, and a manifest.

        Maps that were saved in the folder before are replaced. `torchesegeta.load` opens it.

        Args:
            folder: Made where there is none.
            channels: Whether layer maps keep their layer's channels, or hold their sum.

        Returns:
            The folder.

        Raises:
            ConfigError: The folder holds a run or other things, or two maps have the same name.
            StoreError: It cannot be written.
        """
        return save_maps(Path(folder), self, self._images, channels=channels)


def load(folder: Path | str) -> Attributions:
    """Open the maps of a run, of all its shards together, or of `Attributions.save`; warns where a shard is missing.

    Returns:
        The maps as the files hold them: on the grid of the image's file, layer maps on their layer's.

    Raises:
        StoreError: It is no run folder, or a file is missing or damaged.
    """
    return Attributions(read_maps(Path(folder)))


class _Key(KeyError):
    """A KeyError whose message is shown as it is written."""

    def __str__(self) -> str:
        return str(self.args[0])


def _is_target(attribution: Attribution, target: int | str) -> bool:
    return attribution.target == str(target) or (isinstance(target, int) and attribution.target_index == target)


def _describe(attribution: Attribution) -> str:
    parts = [f"method={attribution.label!r}", f"layer={attribution.layer!r}", f"target={attribution.target!r}"]
    return f"({', '.join([*parts, f'image={attribution.image!r}'])})"
