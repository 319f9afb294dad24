"""How alike two maps are: structure, ranks, gradients' directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.metrics.needs import is_even
from torchesegeta.precise import rank_correlation

Plane = NDArray[np.float64]

EMPTY = 0.1
"""Share of values that are 0 in both maps from which on it is said that they count as alike."""


def similarities(a: Tensor, b: Tensor) -> dict[str, float]:
    """Every measure of two maps (C, *spatial): 1 where they are equal, NaN where it cannot be told.

    A map that is the same everywhere is like no other, and unlike none: nothing can be told.

    `ssim`: structural similarity of the maps, each divided by its largest magnitude. `spearman`, `spearman_absolute`:
    rank correlation of the values and of their magnitudes. `…_inside`: the same where either map is not 0; a large
    empty surrounding, which the target's region cannot see, makes any two alike. `hog`: correlation of the histograms
    of oriented gradients of the magnitudes, summed over channels; in 3D the mean over the three middle slices and the
    three maximum projections.
    """
    told = not any(is_even(float(one.min()), float(one.max())) for one in (a, b))
    return {name: measure(a, b) if told else float("nan") for name, measure in MEASURES.items()}


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity, in 2D and 3D, the mean over channels; NaN for maps narrower than three voxels."""
    found = _structure(a, b)
    return float("nan") if found is None else float(found.mean())


def ssim_inside(a: Tensor, b: Tensor) -> float:
    """The same, where either is not 0."""
    found, inside = _structure(a, b), _inner(_thick((a != 0) | (b != 0)).numpy(), _window(a))
    return float("nan") if found is None or not inside.any() else float(found[inside].mean())


def _structure(a: Tensor, b: Tensor) -> Plane | None:
    """Structural similarity around every voxel, (C, *inner): without a rim of half a window, as is usual."""
    from skimage.metrics import structural_similarity

    window = _window(a)
    if window < 3:
        return None
    first, second = _scaled(_thick(a)), _scaled(_thick(b))
    spread = 2.0 if min(first.min(), second.min()) < 0 else 1.0
    _, found = structural_similarity(first, second, win_size=window, data_range=spread, channel_axis=0, full=True)
    return _inner(np.asarray(found), window)


def _window(values: Tensor) -> int:
    """Side of the window, which is odd: 7, less in narrow maps."""
    side = int(min(7, *_thick(values).shape[1:]))
    return side if side % 2 else side - 1


def _inner(values: NDArray[Any], window: int) -> NDArray[Any]:
    """(C, *spatial) without a rim of half a window."""
    rim = (window - 1) // 2
    return values[(slice(None), *(slice(rim, size - rim) for size in values.shape[1:]))]


def _thick(values: Tensor) -> Tensor:
    """A volume of one slice as the slice."""
    thick = [size for size in values.shape[1:] if size > 1]
    return values.reshape(len(values), *thick) if values.ndim == 4 and len(thick) == 2 else values


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of the values."""
    return rank_correlation(a.float(), b.float())


def spearman_absolute(a: Tensor, b: Tensor) -> float:
    """Rank correlation of the magnitudes."""
    return rank_correlation(a.float().abs(), b.float().abs())


def spearman_inside(a: Tensor, b: Tensor) -> float:
    """Rank correlation of the values where either is not 0."""
    inside = (a != 0) | (b != 0)
    return rank_correlation(a[inside].float(), b[inside].float()) if bool(inside.any()) else float("nan")


def spearman_absolute_inside(a: Tensor, b: Tensor) -> float:
    """Rank correlation of the magnitudes where either is not 0."""
    return spearman_inside(a.abs(), b.abs())


def hog(a: Tensor, b: Tensor) -> float:
    """Correlation of the histograms of oriented gradients."""
    pairs = zip(_planes(a), _planes(b), strict=True)
    found = [_correlation(_histograms(first), _histograms(second)) for first, second in pairs]
    return float(np.mean(found)) if found else float("nan")


MEASURES: dict[str, Callable[[Tensor, Tensor], float]] = {
    "ssim": ssim,
    "spearman": spearman,
    "spearman_absolute": spearman_absolute,
    "spearman_inside": spearman_inside,
    "spearman_absolute_inside": spearman_absolute_inside,
    "ssim_inside": ssim_inside,
    "hog": hog,
}


def both_zero(a: Tensor, b: Tensor) -> float:
    """Share of the values that are 0 in both maps: there they are alike, whatever they show."""
    return float(((a == 0) & (b == 0)).double().mean())


def cautions(empty: float) -> tuple[str, ...]:
    """What must be said of similarities of maps that are 0 together over such a share of their values."""
    if empty < EMPTY:
        return ()
    return (
        f"{empty:.0%} of the values are 0 in both maps, and alike for that reason alone: 'ssim', 'spearman', "
        "'spearman_absolute' and 'hog' are as high as that makes them; figures ending in '_inside' leave them out",
    )


def views(values: Tensor) -> dict[str, Tensor]:
    """A map for a figure, summed over channels: in 3D the value of the largest magnitude along each axis."""
    whole = values.sum(0)
    if whole.ndim == 2:
        return {"plane": whole}
    return {f"axis{axis}": _largest(whole, axis) for axis in range(whole.ndim)}


def _largest(volume: Tensor, axis: int) -> Tensor:
    return volume.gather(axis, volume.abs().argmax(axis, keepdim=True)).squeeze(axis)


def _scaled(values: Tensor) -> NDArray[np.float64]:
    largest = float(values.abs().max())
    return np.asarray((values.double() / largest if largest else values.double()).numpy())


def _planes(values: Tensor) -> Iterator[Plane]:
    """The magnitude in two dimensions: as it is, or six views of a volume."""
    whole = _thick(values).double().abs().sum(0).numpy()
    if whole.ndim == 2:
        yield whole
        return
    for axis, size in enumerate(whole.shape):
        yield whole.take(size // 2, axis)
        yield whole.max(axis)


def _histograms(plane: Plane) -> Plane:
    """Of cells of 16 voxels, smaller where that would leave fewer than four to a side."""
    from skimage.feature import hog as skimage_hog

    cell = max(1, min(16, min(plane.shape) // 4))
    blocks = min(3, min(plane.shape) // cell)
    return np.asarray(skimage_hog(plane, pixels_per_cell=(cell, cell), cells_per_block=(blocks, blocks)))


def _correlation(a: Plane, b: Plane) -> float:
    if np.array_equal(a, b):
        return 1.0
    if a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
