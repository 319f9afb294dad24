"""RISE: what its masks and its standard error promise."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.sweeps.grids import mask_at


class OneVoxel(nn.Module):
    """Scores 1 more where one voxel is visible."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([5 + x[:, 0, 3, 4], x.flatten(1).sum(1)], 1)


def explained(masks: int, **parameters: object) -> te.Attribution:
    (result,) = te.explain(
        OneVoxel(), torch.ones(1, 9, 10), [{"name": "rise", "masks": masks, **parameters}], target=0, activation="none"
    )
    assert result.values is not None
    return result


@pytest.mark.parametrize("shape", [(9, 11), (8, 9, 10), (3, 4)])
def test_masks_lie_between_0_and_1(shape: tuple[int, ...]) -> None:
    masks = torch.stack([mask_at(shape, 3, 0.5, "key", i) for i in range(400)])
    assert tuple(masks.shape[1:]) == shape
    assert float(masks.min()) >= 0 and float(masks.max()) <= 1
    assert float(masks.mean()) == pytest.approx(0.5, abs=0.05)


def test_the_voxel_that_counts_stands_out_whatever_the_level_of_the_score() -> None:
    values = explained(1500, cells=5).values
    assert values is not None
    row, column = divmod(int(values[0].argmax()), 10)
    assert abs(row - 3) <= 1 and abs(column - 4) <= 1


@pytest.mark.parametrize("normalise", ["coverage", "expected", "count"])
def test_standard_error_is_the_spread_over_seeds(normalise: str) -> None:
    model, image = OneVoxel(), torch.ones(1, 9, 10)
    method = {"name": "rise", "masks": 100, "cells": 4, "normalise": normalise}
    runs = [te.explain(model, image, [method], target=0, activation="none", seed=seed)[0] for seed in range(40)]
    maps = torch.stack([r.values for r in runs if r.values is not None])
    said = sum(r.measures["standard_error"] for r in runs) / len(runs)
    assert said == pytest.approx(float(maps.std(0).mean()), rel=0.2)


def test_more_masks_continue_the_same_sequence() -> None:
    few, many = explained(10, normalise="count").values, explained(11, normalise="count").values
    assert few is not None and many is not None
    last = 11 * many - 10 * few
    assert float(last.min()) >= -1e-3, "the eleventh mask times a positive score"


@pytest.mark.parametrize("normalise", ["coverage", "expected"])
@pytest.mark.parametrize("chunk_size", [1, 7])
def test_targets_together_are_as_each_alone(normalise: str, chunk_size: int) -> None:
    method = {"name": "rise", "masks": 30, "cells": 4, "normalise": normalise}

    def run(target: list[int]) -> te.Attributions:
        image = torch.rand(1, 9, 10, generator=torch.Generator().manual_seed(3))
        return te.explain(OneVoxel(), image, [method], target=target, activation="none", chunk_size=chunk_size)

    together = run([1, 0])
    for mine in together:
        (alone,) = run([int(mine.target_index or 0)])
        assert mine.values is not None and alone.values is not None
        torch.testing.assert_close(mine.values, alone.values)
        assert mine.measures == pytest.approx(alone.measures, rel=1e-4)


def test_half_precision_sums_are_not() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(180, 2))
    image, method = torch.rand(1, 9, 10), {"name": "rise", "masks": 3000, "cells": 4}
    full, half = (te.explain(net, image, [method], target=0)[0] for net in (copy.deepcopy(model), model.half()))
    assert full.values is not None and half.values is not None
    assert half.measures == pytest.approx(full.measures, rel=0.02)
    assert float((half.values - full.values).abs().max()) < 0.02 * float(full.values.max() - full.values.min())
