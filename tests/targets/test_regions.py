"""Sums over regions, and channels chosen without needless copies."""

from __future__ import annotations

import pytest
import torch

from torchesegeta.targets.base import RegionSum, chosen


@pytest.mark.parametrize("indices", [[], [2], [0, 1, 2, 3], [1, 2], [2, 1], [0, 3]])
def test_channels_are_chosen_in_their_order(indices: list[int]) -> None:
    scores = torch.randn(2, 4, 3, 5)
    found = chosen(scores, indices)
    assert torch.equal(found, scores[:, indices])
    neighbours = indices == sorted(indices) and (not indices or indices[-1] - indices[0] == len(indices) - 1)
    assert (found.untyped_storage().data_ptr() == scores.untyped_storage().data_ptr()) == neighbours


@pytest.mark.parametrize("images", [1, 2])
def test_sum_and_mean_over_regions(images: int) -> None:
    scores, where = torch.randn(2, 3, 4, 5), torch.rand(images, 3, 4, 5) > 0.5
    where[:, 1] = False
    summed = RegionSum(where, "sum")(scores)
    mean = RegionSum(where, "mean")(scores)
    for image in range(2):
        for k in range(3):
            inside = scores[image, k][where[image % images, k]]
            assert summed[image, k] == pytest.approx(float(inside.sum()), abs=1e-5)
            assert mean[image, k] == pytest.approx(float(inside.mean()) if len(inside) else 0.0, abs=1e-5)
