"""Do methods agree with each other? Rank correlations of their maps, clusters, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import InputError
from torchesegeta.metrics.base import summed
from torchesegeta.types import Attribution

Matrix = NDArray[np.float64]
ALIKE = 0.5


@dataclass(frozen=True, eq=False)
class Agreement:
    """How alike the maps of one image and target are.

    Attributes:
        names: Of the N maps: the method's label, and the layer where there is one.
        correlation: (N, N), Spearman's ρ of the maps' values, voxel by voxel; of each pair where either is not 0, for
            what no method can see is 0 in every map, and alike for that reason alone.
        tree: (N − 1, 4), SciPy's linkage of the distances 1 − ρ, by their means; neighbours are next to each other.
        order: The leaves of the tree, from left to right.
        clusters: Number of each map's cluster, from 1: within one the mean ρ is at least `alike`.
        alike: The limit.
        absolute: Whether magnitudes are compared.
        consensus: The mean rank of every voxel, from 0 to 1, where each cluster has one voice.
        left_out: Why, by the name of the map.
    """

    names: tuple[str, ...]
    correlation: Matrix
    tree: Matrix
    order: tuple[int, ...]
    clusters: tuple[int, ...]
    alike: float
    absolute: bool
    consensus: Attribution
    left_out: dict[str, str]


def agreement(maps: Sequence[Attribution], *, absolute: bool = True, alike: float = ALIKE) -> Agreement:
    """Compare maps of one image and one target with each other.

    Channels are summed; maps of layers are interpolated to the grid of the image.

    Args:
        maps: At least two that lie on the image; such as `maps.select`ed by image and target.
        absolute: Compare magnitudes; else values with their signs.
        alike: Mean ρ that maps of one cluster have at least.

    Raises:
        InputError: The maps are of several images or targets, or fewer than two can be compared.
    """
    _check(maps)
    left_out: dict[str, str] = {}
    names, ranks = [], list[Ranks]()
    shape = _grid(maps)
    for one in maps:
        name, values = _name(one), _placed(one, shape)
        if isinstance(values, str):
            left_out[name] = values
            continue
        names.append(name)
        ranks.append(Ranks.of(values.abs() if absolute else values))
    if len(names) < 2:
        said = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise InputError(f"fewer than two maps can be compared{f' ({said})' if said else ''}")
    correlation = _correlations(ranks)
    tree, order, clusters = _clustered(correlation, alike)
    common = torch.from_numpy(_common([one.shares for one in ranks], clusters)).view(1, *shape).float()
    quantity = f"mean rank of {'|map|' if absolute else 'the map'}, {len(names)} maps"
    return Agreement(
        tuple(names), correlation, tree, order, clusters, alike, absolute, _consensus(maps, common, quantity), left_out
    )


def _check(maps: Sequence[Attribution]) -> None:
    for what in ("image", "target"):
        found = {str(getattr(one, what)) for one in maps if getattr(one, what) is not None}
        if len(found) > 1:
            raise InputError(f"maps of several {what}s ({', '.join(sorted(found))}) cannot agree: choose those of one")


def _name(one: Attribution) -> str:
    return one.label if one.layer is None else f"{one.label} at {one.layer}"


def _usable(maps: Sequence[Attribution]) -> Iterator[Attribution]:
    return (one for one in maps if one.values is not None and one.shows == "map")


def _grid(maps: Sequence[Attribution]) -> tuple[int, ...]:
    """The image's grid, or the finest of the layers'."""
    shapes = [(m.space, tuple(summed(m).shape[1:])) for m in _usable(maps)]
    found = [shape for space, shape in shapes if space == "image"] or [shape for _, shape in shapes if len(shape) > 1]
    return max(found, key=prod) if found else ()


def _placed(one: Attribution, shape: tuple[int, ...]) -> Tensor | str:
    """(*spatial), or why there is none."""
    if one.values is None:
        return f"{one.status}: {one.reason}"
    if one.shows != "map":
        return "a picture of its own"
    values = summed(one)
    if values.ndim != len(shape) + 1:
        return f"its shape {tuple(one.values.shape)} has no place in the image"
    if tuple(values.shape[1:]) != shape:
        values = interpolate(values[None], shape, mode=LINEAR[len(shape)], align_corners=False)[0]
    whole = values.sum(0)
    if bool(whole.min() == whole.max()):
        return "it is the same everywhere"
    return whole


@dataclass(frozen=True, eq=False)
class Ranks:
    """A map by the ranks of its n voxels.

    Attributes:
        ranks: (n,), from 1; equal values share theirs.
        signs: (n,), of the values.
    """

    ranks: Matrix
    signs: NDArray[np.int8]

    @classmethod
    def of(cls, values: Tensor) -> Ranks:
        """Of a map (*spatial)."""
        from scipy.stats import rankdata

        flat = values.flatten().numpy()
        return cls(np.asarray(rankdata(flat)), np.sign(flat).astype(np.int8))

    @property
    def shares(self) -> Matrix:
        """The ranks from 0 to 1."""
        return (self.ranks - 1) / (len(self.ranks) - 1)

    def within(self, inside: NDArray[np.bool_]) -> Matrix:
        """The ranks among some of the voxels, where all that are left out are 0."""
        missing = len(inside) - int(inside.sum())
        shift = np.array([0.5, 1.0, 0.0])[self.signs[inside]]  # of zeros, of what is above, of what is below them
        return np.asarray(self.ranks[inside] - missing * shift)


def _correlations(ranks: Sequence[Ranks]) -> Matrix:
    """(N, N), of each pair where either is not 0; of all voxels where one has no ranks there."""
    found = np.eye(len(ranks))
    for i, a in enumerate(ranks):
        for j, b in enumerate(ranks[:i]):
            inside = (a.signs != 0) | (b.signs != 0)
            first, second = a.within(inside), b.within(inside)
            if np.ptp(first) == 0 or np.ptp(second) == 0:
                first, second = a.ranks, b.ranks
            found[i, j] = found[j, i] = np.corrcoef(first, second)[0, 1]
    return np.clip(found, -1, 1)


def _clustered(correlation: Matrix, alike: float) -> tuple[Matrix, tuple[int, ...], tuple[int, ...]]:
    """The tree, its leaves in order, and the clusters."""
    from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = squareform(1 - (correlation + correlation.T) / 2, checks=False)
    tree = linkage(distances, "average", optimal_ordering=True)
    clusters = fcluster(tree, 1 - alike, "distance")
    return tree, tuple(leaves_list(tree).tolist()), tuple(clusters.tolist())


def _common(ranks: Sequence[Matrix], clusters: Sequence[int]) -> Matrix:
    """The mean over clusters of their mean ranks: many methods of one kind have one voice."""
    members = {c: [r for r, own in zip(ranks, clusters, strict=True) if own == c] for c in set(clusters)}
    return np.asarray(np.mean([np.mean(own, axis=0) for own in members.values()], axis=0))


def _consensus(maps: Sequence[Attribution], values: Tensor, quantity: str) -> Attribution:
    """A map of its own, drawn like the others."""
    first = next((one for one in _usable(maps) if one.space == "image"), next(_usable(maps)))
    named = next((one for one in maps if one.target is not None), first)
    return Attribution(
        method="consensus",
        label="consensus",
        target=named.target,
        target_index=named.target_index,
        layer=None,
        image=first.image,
        values=values,
        affine=first.affine,
        signed=False,
        quantity=quantity,
        draw=first.draw,
    )
