"""What the theory says of Shapley methods and of ablation, as properties of random games."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import torchesegeta as te

FEATURES = 5
LABELS = torch.arange(2 * FEATURES).view(2, FEATURES) % FEATURES
IMAGE = torch.arange(1.0, 1 + 2 * FEATURES).view(1, 2, FEATURES) / 4
EXACT: dict[str, Any] = {"name": "kernel_shap", "features": LABELS}
SAMPLED: dict[str, Any] = {"name": "shapley_value_sampling", "features": LABELS, "permutations": 7}
SHAPLEY = [EXACT, SAMPLED, {**EXACT, "samples": 28}]
games = st.lists(st.integers(-8, 8), min_size=2 * 2**FEATURES, max_size=2 * 2**FEATURES).map(
    lambda values: torch.tensor(values, dtype=torch.float32).view(2, -1) / 4
)
thorough = settings(max_examples=15, deadline=None)


class Game(nn.Module):
    """Two scores that depend on which features are in, and on nothing else."""

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.values = values

    def forward(self, x: Tensor) -> Tensor:
        members = (x[:, 0, 0] > 0).long()  # a column is a feature; its first voxel tells
        return self.values[:, (members << torch.arange(FEATURES)).sum(1)].T


def shares(values: Tensor, method: dict[str, Any], target: int = 0) -> Tensor:
    (result,) = te.explain(Game(values), IMAGE, [method], target=target, activation="none")
    assert result.values is not None, result.reason
    assert torch.equal(result.values[0, 0], result.values[0, 1])
    return result.values[0, 0]


def contains(feature: int) -> Tensor:
    return (torch.arange(2**FEATURES) >> feature & 1).bool()


def defined(game: Tensor) -> Tensor:
    """Shapley values by their definition."""
    weights = {s: 1.0 / (FEATURES * len(list(combinations(range(FEATURES - 1), s)))) for s in range(FEATURES)}
    sizes = [bin(n).count("1") for n in range(2**FEATURES)]
    values = [
        sum(weights[sizes[n]] * float(game[n | 1 << i] - game[n]) for n in range(2**FEATURES) if not n >> i & 1)
        for i in range(FEATURES)
    ]
    return torch.tensor(values)


@thorough
@given(games)
def test_kernel_shap_is_exact(game: Tensor) -> None:
    torch.testing.assert_close(shares(game, EXACT), defined(game[0]), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", SHAPLEY)
@thorough
@given(games)
def test_efficiency(method: dict[str, Any], game: Tensor) -> None:
    total = float(shares(game, method).sum())
    assert total == pytest.approx(float(game[0, -1] - game[0, 0]), abs=1e-4)


@pytest.mark.parametrize("method", [EXACT, SAMPLED])
@thorough
@given(games, st.integers(0, FEATURES - 1))
def test_dummy(method: dict[str, Any], game: Tensor, feature: int) -> None:
    without = torch.arange(2**FEATURES) & ~(1 << feature)
    game = game[:, without] + 0.5 * contains(feature)
    assert float(shares(game, method)[feature]) == pytest.approx(0.5, abs=1e-4)


@thorough
@given(games)
def test_symmetry(game: Tensor) -> None:
    numbers = torch.arange(2**FEATURES)
    one, other = numbers & 1, numbers >> 1 & 1
    swapped = (numbers & ~3) | one << 1 | other
    values = shares((game + game[:, swapped]) / 2, EXACT)
    assert float(values[0]) == pytest.approx(float(values[1]), abs=1e-4)


@pytest.mark.parametrize("method", [EXACT, SAMPLED, {**EXACT, "samples": 28}])
@thorough
@given(games)
def test_linearity(method: dict[str, Any], game: Tensor) -> None:
    both = torch.stack([game[0] + 2 * game[1]] * 2)
    parts = shares(game, method, 0) + 2 * shares(game, method, 1)
    torch.testing.assert_close(shares(both, method), parts, atol=1e-4, rtol=1e-4)


class Linear(nn.Module):
    """A score that is linear in the image."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.linspace(-1, 2, 2 * FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x.flatten(1) @ self.weight, x.flatten(1).sum(1)], 1)


@pytest.mark.parametrize(
    "method",
    [
        {"name": "feature_ablation"},
        {"name": "kernel_shap"},
        {"name": "kernel_shap", "samples": 20},
        {"name": "shapley_value_sampling", "permutations": 2},
        {"name": "lime", "alpha": 0.0},
    ],
)
def test_linear_model_gives_weight_times_difference(method: dict[str, Any]) -> None:
    baseline = 0.3
    (result,) = te.explain(
        Linear(), IMAGE, [{**method, "features": LABELS, "baseline": baseline}], target=0, activation="none"
    )
    change = (Linear().weight.view(2, FEATURES) * (IMAGE[0] - baseline)).sum(0)
    assert result.values is not None
    torch.testing.assert_close(result.values[0, 0], change, atol=1e-4, rtol=1e-4)
    if method["name"] in ("kernel_shap", "lime"):
        assert result.measures["r_squared"] == pytest.approx(1, abs=1e-6)


def test_occlusion_of_single_voxels_of_a_linear_model() -> None:
    (result,) = te.explain(Linear(), IMAGE, [{"name": "occlusion", "window": 1}], target=0, activation="none")
    assert result.values is not None
    torch.testing.assert_close(result.values[0], Linear().weight.view(2, FEATURES) * IMAGE[0])


def test_standard_error_falls_with_more_permutations() -> None:
    game = torch.randn(2, 2**FEATURES, generator=torch.Generator().manual_seed(0))
    errors, misses = [], []
    for permutations in (10, 1000):
        (result,) = te.explain(
            Game(game), IMAGE, [{**SAMPLED, "permutations": permutations}], target=0, activation="none"
        )
        assert result.values is not None
        errors.append(result.measures["standard_error"])
        misses.append(float((result.values[0, 0] - defined(game[0])).abs().max()))
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.5)
    assert misses[1] < 4 * errors[1]


def test_lime_and_kernel_shap_share_their_masks() -> None:
    maps = te.explain(Linear(), IMAGE, [{"name": "lime", "features": LABELS}, EXACT], target=[0, 1], activation="none")
    assert {tuple(m.passes.items()) for m in maps} == {(("forward", 2**FEATURES - 2 + 2), ("backward", 0))}
    assert len({m.seconds for m in maps}) == 1


@pytest.mark.parametrize("name", ["lime", "kernel_shap", "shapley_value_sampling"])
def test_single_feature_is_refused(name: str) -> None:
    (result,) = te.explain(Linear(), IMAGE, [{"name": name, "features": 100}], target=0, activation="none")
    assert result.status == "incompatible" and "a single feature" in str(result.reason)
