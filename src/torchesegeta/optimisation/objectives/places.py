"""Places of a layer: one of them, its centre, or the mean over all."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from torchesegeta.errors import IncompatibleError

Place = tuple[int, ...]


def centre(shape: Sequence[int]) -> Place:
    """The place in the middle; of two, the later."""
    return tuple(size // 2 for size in shape)


def at(values: Tensor, layer: str, place: Place) -> Tensor:
    """Values (m, *places) at one place: (m,).

    Raises:
        IncompatibleError: There is no such place.
    """
    shape = tuple(values.shape[1:])
    if len(place) != len(shape):
        raise IncompatibleError(f"place {place} has {len(place)} axes; those of layer {layer!r} have {len(shape)}")
    if any(not 0 <= number < size for number, size in zip(place, shape, strict=True)):
        last = tuple(size - 1 for size in shape)
        raise IncompatibleError(f"layer {layer!r} has no place {place}; its last is {last}")
    index: tuple[slice | int, ...] = (slice(None), *place)
    return values[index]


def at_or_mean(values: Tensor, layer: str, place: Place | None) -> Tensor:
    """Values (m, *places) at one place, or without one their mean: (m,)."""
    return values.flatten(1).mean(1) if place is None and values.ndim > 1 else at(values, layer, place or ())
