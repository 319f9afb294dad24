"""Vectors on disk."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
import torch

from torchesegeta.methods.pictures import vector_file
from torchesegeta.methods.pictures.plane import reduced
from torchesegeta.methods.pictures.vector_file import VectorFile


def filled(count: int, width: int, times: int = 1) -> tuple[VectorFile, torch.Tensor]:
    source, file = torch.Generator().manual_seed(0), VectorFile()
    vectors = torch.randn(count * times, width, generator=source)
    for part in vectors.chunk(times):
        file.append(part)
    return file, vectors


def test_blocks_are_the_rows_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_file, "BLOCK", 4 * 5 * 7)
    file, vectors = filled(10, 5, times=4)
    rows = np.random.default_rng(0).permutation(40)[:30]
    blocks = list(file.blocks(rows, least=3))
    assert [len(block) for _, block in blocks] == [7, 7, 7, 9], "the last block holds what is too little for its own"
    assert np.array_equal(np.concatenate([block for _, block in blocks]), vectors[rows].numpy())
    assert file.count == 40 and file.width == 5


def test_means_of_groups() -> None:
    file, vectors = filled(40, 5)
    rows, groups = np.arange(0, 40, 2), np.arange(20) % 3
    means = file.means(rows, groups, 4)
    for group in range(3):
        np.testing.assert_allclose(means[group], vectors[rows[groups == group]].mean(0), rtol=1e-5, atol=1e-6)
    assert not means[3].any()


def test_lengths_must_agree() -> None:
    file, _ = filled(3, 5)
    with pytest.raises(ValueError, match="length 4 follow some of length 5"):
        file.append(torch.zeros(2, 4))


def test_memory_holds_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_file, "BLOCK", 2**18)
    width, parts = 256, 40
    small, _ = filled(30, 9)
    reduced(small, np.arange(30), 8)  # what is imported on the way does not count
    tracemalloc.start()
    file = VectorFile()
    for part in range(parts):
        file.append(torch.from_numpy(np.random.default_rng(part).standard_normal((500, width), np.float32)))
    rows = np.arange(file.count)
    components = reduced(file, rows, 8)
    file.means(rows, rows % 100, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert components.shape == (20_000, 8)
    assert 4 * width * file.count > 20e6 and peak < 8e6, f"{peak / 1e6:.1f} MB for {4 * width * file.count / 1e6} MB"


def test_the_file_goes_with_its_owner() -> None:
    file, _ = filled(3, 5)
    handle = file._file
    del file
    gc.collect()
    assert handle.closed
