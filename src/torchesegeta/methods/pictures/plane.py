"""Vectors laid out in the plane, so that like ones lie near each other, and a grid over it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.pictures.vector_file import Floats, Rows, VectorFile

Layout = Literal["umap", "tsne", "pca"]

LEAST = 3
"""Vectors below which there is no plane."""


def known_layout(wanted: Layout | Literal["auto"]) -> Layout:
    """What lays vectors out: with `auto` UMAP where it is installed, else t-SNE.

    Raises:
        IncompatibleError: UMAP is asked for and not installed.
    """
    installed = find_spec("umap") is not None
    if wanted == "umap" and not installed:
        raise IncompatibleError("layout 'umap' needs umap-learn: pip install 'torchesegeta[atlas]', or take 'tsne'")
    if wanted == "auto":
        return "umap" if installed else "tsne"
    return wanted


def reduced(vectors: VectorFile, rows: Rows, dimensions: int) -> Floats:
    """The wanted rows' first principal components, at most `dimensions`: (rows, components)."""
    from sklearn.decomposition import IncrementalPCA

    count = min(dimensions, len(rows), vectors.width)
    pca = IncrementalPCA(count)
    with np.errstate(invalid="ignore"):  # shares of no variance at all; what is all the same is refused later
        for _, block in vectors.blocks(rows, count):
            pca.partial_fit(block.astype(np.float64))
    result = np.zeros((len(rows), count), np.float32)
    for part, block in vectors.blocks(rows):
        result[part] = pca.transform(block.astype(np.float64))
    return result


def lay_out(components: Floats, layout: Layout, neighbours: int, seed: int) -> NDArray[np.float64]:
    """Positions in the plane, (rows, 2), each axis from 0 to 1.

    Args:
        components: (rows, components), the first that of the largest spread.
        layout: UMAP (McInnes et al. 2018), t-SNE (van der Maaten & Hinton 2008), or the first two components.
        neighbours: How many each vector is kept near: UMAP's neighbours, t-SNE's perplexity.
        seed: Of UMAP and t-SNE.

    Raises:
        IncompatibleError: There are too few vectors, or all are the same.
    """
    if len(components) < LEAST:
        raise IncompatibleError(f"{len(components)} vectors; a plane needs {LEAST}: give more images or samples")
    found = _LAYOUTS[layout](components, neighbours, seed).astype(np.float64)
    low, high = found.min(0), found.max(0)
    if not float((high - low).max()) > 0:
        raise IncompatibleError("all vectors are the same: there is nothing to lay out")
    return np.asarray((found - low) / np.where(high > low, high - low, 1.0))


def cells_of(positions: NDArray[np.float64], cells: int) -> Rows:
    """The cell in which each position lies, row by row: the first coordinate is the row's."""
    along = np.minimum((positions * cells).astype(np.int64), cells - 1)
    return np.asarray(along[:, 0] * cells + along[:, 1])


def _umap(components: Floats, neighbours: int, seed: int) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # of a part that needs TensorFlow
        from umap import UMAP

    near = min(neighbours, len(components) - 1)
    return np.asarray(UMAP(n_neighbors=near, random_state=seed, n_jobs=1).fit_transform(components))


def _tsne(components: Floats, neighbours: int, seed: int) -> NDArray[Any]:
    from sklearn.manifold import TSNE

    near = min(float(neighbours), (len(components) - 1) / 3)
    return np.asarray(TSNE(perplexity=near, init="pca", random_state=seed).fit_transform(components))


def _pca(components: Floats, neighbours: int, seed: int) -> NDArray[Any]:
    missing = max(0, 2 - components.shape[1])
    return np.pad(components[:, :2], [(0, 0), (0, missing)])


_LAYOUTS: dict[Layout, Callable[[Floats, int, int], NDArray[Any]]] = {"umap": _umap, "tsne": _tsne, "pca": _pca}
