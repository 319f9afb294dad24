"""Paths beyond the straight line: they are complete in the limit, and equal the theory where it gives a number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te

WEIGHT = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(3))
IMAGE = torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(4))


class Linear(nn.Module):
    """A weighted sum of voxels, and its square."""

    def forward(self, x: Tensor) -> Tensor:
        total = (x * WEIGHT).flatten(1).sum(1)
        return torch.stack([total, total**2], 1)


class Smooth(nn.Module):
    """A score that bends."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.conv = nn.Conv2d(2, 6, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.softplus(self.conv(x))
        return torch.stack([hidden.square().mean((1, 2, 3)), hidden.mean((1, 2, 3))], 1)


def explained(model: nn.Module, name: str, target: int = 0, **parameters: Any) -> te.Attribution:
    (result,) = te.explain(model, IMAGE, [{"name": name, **parameters}], target=target, activation="none")
    assert result.values is not None, result.reason
    return result


@pytest.mark.parametrize("name", ["blur_integrated_gradients", "guided_integrated_gradients"])
def test_gap_closes_with_steps(name: str) -> None:
    few, many = (explained(Smooth(), name, steps=steps).measures["completeness_gap"] for steps in (10, 200))
    assert many < 0.02
    assert many < few / 5


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("guided_integrated_gradients", {"baseline": 0.3, "steps": 7}),
        ("expected_gradients", {"baselines": [0.3], "samples": 2}),
        ("integrated_gradients", {"baseline": 0.3, "steps": 2}),
    ],
)
def test_linear_model_gives_weight_times_difference(name: str, parameters: dict[str, Any]) -> None:
    values = explained(Linear(), name, **parameters).values
    assert values is not None
    torch.testing.assert_close(values, WEIGHT * (IMAGE - 0.3), atol=1e-4, rtol=1e-4)


def test_expected_gradients_add_up_to_the_mean_change() -> None:
    values = explained(Smooth(), "expected_gradients", baselines=[0.0, 0.5], samples=2000).values
    assert values is not None
    with torch.no_grad():
        scores = Smooth()(torch.stack([IMAGE, torch.zeros_like(IMAGE), torch.full_like(IMAGE, 0.5)]))[:, 0]
    change = float(scores[0] - scores[1:].mean())
    assert float(values.sum()) == pytest.approx(change, rel=0.05)


def test_guided_path_avoids_large_gradients() -> None:
    straight = explained(Smooth(), "integrated_gradients", steps=100).values
    guided = explained(Smooth(), "guided_integrated_gradients", steps=100, reach=1.0).values
    assert straight is not None and guided is not None
    assert not torch.allclose(straight, guided, rtol=0.05)
    assert float(guided.sum()) == pytest.approx(float(straight.sum()), rel=0.1)


def test_targets_walk_paths_of_their_own() -> None:
    method = {"name": "guided_integrated_gradients", "steps": 6, "reach": 0.3}
    both = te.explain(Smooth(), IMAGE, [method], target=[0, 1], activation="none")
    for target in (0, 1):
        alone = explained(Smooth(), "guided_integrated_gradients", target, steps=6, reach=0.3).values
        together = both.select(target=target)
        assert together.values is not None and alone is not None
        assert torch.equal(together.values, alone)
        assert together.passes == {"forward": 3 + 12 - 1, "backward": 12}
