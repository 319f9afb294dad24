"""Rules add up on MONAI's networks, as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.methods.deeplift_method import UNSTEADY
from torchesegeta.types import Attribution

NETWORKS: dict[str, Callable[[Any], nn.Module]] = {
    "UNet": lambda nets: nets.UNet(3, 1, 2, (4, 8, 16), (2, 2), num_res_units=1),
    "BasicUNet": lambda nets: nets.BasicUNet(3, 1, 2, features=(4, 4, 8, 8, 8, 4)),
    "AttentionUnet": lambda nets: nets.AttentionUnet(3, 1, 2, (4, 8, 16), (2, 2)),
    "SegResNet": lambda nets: nets.SegResNet(3, 8, 1, 2),
    "resnet18": lambda nets: nets.resnet18(spatial_dims=3, n_input_channels=1, num_classes=3),
    "DenseNet121": lambda nets: nets.DenseNet121(3, 1, 3),
    "EfficientNetBN": lambda nets: nets.EfficientNetBN("efficientnet-b0", False, spatial_dims=3, in_channels=1),
    "DynUNet": lambda nets: nets.DynUNet(3, 1, 2, [3, 3, 3], [1, 2, 2], [2, 2], filters=[4, 8, 8]),
    "UNETR": lambda nets: nets.UNETR(1, 2, (32, 32, 32), 4, 24, 32, 2),
    "SwinUNETR": lambda nets: nets.SwinUNETR(1, 2, feature_size=12, spatial_dims=3),
    "ViT": lambda nets: nets.ViT(1, (32, 32, 32), (16, 16, 16), 24, 32, 2, 2, classification=True, num_classes=3),
}
TRANSFORMERS = ("UNETR", "SwinUNETR", "ViT")
FLOAT32_GAP = 1e-4
FAST = ("UNet", "AttentionUnet", "DynUNet", "ViT")
"""Tenths of a second each; the others are slow or of the same kind."""


def build(name: str) -> nn.Module:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        from monai.networks import nets

        torch.manual_seed(0)
        return NETWORKS[name](nets)


def noise(size: int, seed: int) -> Tensor:
    return torch.randn(1, size, size, size, generator=torch.Generator().manual_seed(seed))


def explained(name: str, baseline: str, dtype: torch.dtype) -> Attribution:
    size = 64 if name == "SwinUNETR" else 32
    method = {"name": "deeplift", "baseline": 0.3 * noise(size, 2) if baseline == "noise" else 0}
    output = 0 if name == "ViT" else None
    (found,) = te.explain(build(name).to(dtype), noise(size, 1), [method], target=1, output=output)
    assert found.status == "ok", found.reason
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NETWORKS)
def test_probability_is_kept(name: str) -> None:
    """Excitation backpropagation arrives whole; attention has no winners."""
    size = 64 if name == "SwinUNETR" else 32
    methods: list[Any] = [{"name": "excitation_backprop", "layers": [], "lost": "keep"}, "lrp"]
    output = 0 if name == "ViT" else None
    winners, relevance = te.explain(build(name), noise(size, 1), methods, target=1, output=output)
    if name in TRANSFORMERS:
        assert "attention" in str(winners.reason) and "attention" in str(relevance.reason)
        return
    assert winners.status == relevance.status == "ok", (winners.reason, relevance.reason)
    assert winners.measures["mass"] == pytest.approx(1, abs=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("baseline", ["zero", "noise"])
@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
class TestAddsUp:
    def test_in_float64(self, name: str, baseline: str) -> None:
        assert explained(name, baseline, torch.float64).measures["completeness_gap"] < 1e-5

    def test_in_float32(self, name: str, baseline: str) -> None:
        """On a baseline that is ill-conditioned in float32 the noise is what is said, and nothing is promised."""
        found = explained(name, baseline, torch.float32)
        if found.measures.get("baseline_noise", 0.0) < UNSTEADY:
            assert found.measures["completeness_gap"] < FLOAT32_GAP
        else:
            assert baseline == "zero" and any("ill-conditioned" in warning for warning in found.warnings)
