"""How alike two maps are: structure, ranks, gradients' directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.precise import rank_correlation

Plane = NDArray[np.float64]

EMPTY = 0.1
"""Share of values that are 0 in both maps from which on it is said that they count as alike."""


def similarities(a: Tensor, b: Tensor) -> dict[str, float]:
    """Every measure of two maps (C, *spatial): 1 where they are equal, NaN where one cannot be told.

    `ssim`: structural similarity of the maps, each divided by its largest magnitude. `spearman`, `spearman_absolute`:
    rank correlation of the values and of their magnitudes. `spearman_inside`, `spearman_absolute_inside`: the same
    where either map is not 0; a large empty surrounding, which the target's region cannot see, makes any two alike.
    `hog`: correlation of the histograms of oriented gradients of the magnitudes, summed over channels; in 3D the mean
    over the three middle slices and the three maximum projections.
    """
    return {name: measure(a, b) for name, measure in MEASURES.items()}


def ssim(a: Tensor, b: Tensor) -> float:
    """Structural similarity, in 2D and 3D, the mean over channels; NaN for maps narrower than three voxels."""
    from skimage.metrics import structural_similarity

    side = min(7, min(a.shape[1:]))
    window = side if side % 2 else side - 1
    if window < 3:
        return float("nan")
    first, second = _scaled(a), _scaled(b)
    spread = 2.0 if min(first.min(), second.min()) < 0 else 1.0
    found = structural_similarity(first, second, win_size=window, data_range=spread, channel_axis=0)
    return float(found)


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
        "'spearman_absolute' and 'hog' are as high as that makes them; 'spearman_inside' and "
        "'spearman_absolute_inside' leave these values out",
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
    whole = values.double().abs().sum(0).numpy()
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
