"""Vectors in the plane."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.pictures import plane
from torchesegeta.methods.pictures.plane import Layout, cells_of, known_layout, lay_out, reduced
from torchesegeta.methods.pictures.vector_file import VectorFile

INSTALLED = find_spec("umap") is not None
LAYOUTS: list[Layout] = ["pca", "tsne", *(["umap"] if INSTALLED else [])]  # type: ignore[list-item]


def two_kinds(count: int = 30, width: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(count, width)), 12 + rng.normal(size=(count, width))]).astype(np.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_like_vectors_lie_near_each_other(layout: Layout) -> None:
    positions = lay_out(two_kinds(), layout, 8, seed=0)
    assert positions.shape == (60, 2)
    np.testing.assert_allclose([positions.min(0), positions.max(0)], [[0, 0], [1, 1]], atol=1e-12)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    same = (apart.argmin(1) < 30) == (np.arange(60) < 30)
    assert same.all(), "somebody's nearest is of the other kind"
    centres = np.linalg.norm(positions[:30].mean(0) - positions[30:].mean(0))
    assert centres > 2 * np.linalg.norm(positions[:30] - positions[:30].mean(0), axis=1).mean()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_seeds_decide(layout: Layout) -> None:
    one, again, other = (lay_out(two_kinds(), layout, 8, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.array_equal(one, other) == (layout != "umap"), "the others start from principal components"


def test_few_vectors_are_enough_or_refused() -> None:
    assert lay_out(two_kinds(2)[:3], "tsne", 30, seed=0).shape == (3, 2)
    with pytest.raises(IncompatibleError, match="2 vectors; a plane needs 3"):
        lay_out(two_kinds(1), "tsne", 30, seed=0)
    with pytest.raises(IncompatibleError, match="all vectors are the same"):
        lay_out(np.ones((9, 4), np.float32), "pca", 30, seed=0)


def test_a_line_stays_a_line() -> None:
    line = np.arange(5, dtype=np.float32)[:, None]
    positions = lay_out(line, "pca", 30, seed=0)
    assert np.array_equal(positions, np.stack([np.linspace(0, 1, 5), np.zeros(5)], 1))


def test_components_are_those_of_a_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = torch.from_numpy(two_kinds())
    file = VectorFile()
    file.append(vectors)
    found = reduced(file, np.arange(60), 4)
    centred = (vectors - vectors.mean(0)).double()
    _, _, axes = torch.linalg.svd(centred, full_matrices=False)
    plain = (centred @ axes[:4].T).numpy()
    signs = np.sign((found * plain).sum(0))
    np.testing.assert_allclose(found, plain * signs, atol=1e-3)


def test_cells_row_by_row() -> None:
    positions = np.array([[0, 0], [0, 0.99], [0.5, 0], [1, 1], [0.34, 0.67]])
    assert cells_of(positions, 3).tolist() == [0, 2, 3, 8, 5]


def test_layout_by_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "find_spec", lambda name: None)
    assert known_layout("auto") == "tsne" and known_layout("pca") == "pca"
    with pytest.raises(IncompatibleError, match=r"torchesegeta\[atlas\]"):
        known_layout("umap")
    monkeypatch.setattr(plane, "find_spec", lambda name: object())
    assert known_layout("auto") == known_layout("umap") == "umap"
