"""Sobol indices, HSIC and permutation on scores whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te

LABELS = torch.arange(8).view(2, 4) % 4
IMAGE = torch.ones(1, 2, 4)
WEIGHTS = torch.tensor([3.0, -2.0, 1.0, 0.0])


class Weighted(nn.Module):
    """The weighted sum of four columns, and a constant."""

    def forward(self, x: Tensor) -> Tensor:
        columns = x[:, 0].mean(1)
        return torch.stack([columns @ WEIGHTS, 0 * columns.sum(1) + 2], 1)


def values(name: str, target: int = 0, **parameters: object) -> te.Attribution:
    method = {"name": name, "features": LABELS, **parameters}
    return te.explain(Weighted(), IMAGE, [method], target=target, activation="none")[0]


def test_sobol_indices_of_a_sum_are_shares_of_its_squares() -> None:
    result = values("sobol", samples=512)
    assert result.values is not None
    torch.testing.assert_close(result.values[0, 0], WEIGHTS**2 / (WEIGHTS**2).sum(), atol=0.05, rtol=0.05)
    assert 0 < result.measures["standard_error"] < 0.1


def test_dependence_orders_features() -> None:
    result = values("hsic")
    assert result.values is not None
    one, two, three, none = result.values[0, 0].tolist()
    assert one > two > three > 10 * none


@pytest.mark.parametrize("name", ["sobol", "hsic"])
def test_score_that_does_not_vary_is_refused(name: str) -> None:
    result = values(name, target=1, samples=8)
    assert result.status == "incompatible"


def test_permutation_needs_images() -> None:
    result = values("feature_permutation")
    assert result.status == "incompatible" and "at least two" in str(result.reason)


def test_permutation_of_a_linear_model_is_the_weighted_difference() -> None:
    images = [IMAGE, 3 * IMAGE]
    method = {"name": "feature_permutation", "features": LABELS}
    maps = te.explain(Weighted(), images, [method, "saliency"], target=0, activation="none")
    first, second = (m.values for m in maps if m.label == "feature_permutation")
    assert first is not None and second is not None
    torch.testing.assert_close(first[0, 0], -2 * WEIGHTS)
    torch.testing.assert_close(second[0, 0], 2 * WEIGHTS)


def test_permutation_refuses_images_of_other_shapes() -> None:
    maps = te.explain(Weighted(), [IMAGE, torch.ones(1, 3, 4)], [{"name": "feature_permutation"}], target=0)
    assert {m.status for m in maps} == {"incompatible"}
