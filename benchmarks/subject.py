"""What is measured: a 3D U-Net of about a million parameters, its seven layers, an image of 64³."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.models.nets import UNet

LAYERS = ("encoder.0", "encoder.1", "encoder.2", "bottleneck", "decoder.0", "decoder.1", "decoder.2")


@dataclass(frozen=True)
class Subject:
    """A network, an image, and classes scored over one region.

    Attributes:
        size: Voxels along each axis.
        features: Channels of each level.
        outputs: Classes of the network.
    """

    size: int = 64
    features: tuple[int, ...] = (16, 32, 64, 96)
    outputs: int = 2

    @cached_property
    def model(self) -> nn.Module:
        """In evaluation mode, weights drawn under a fixed seed."""
        torch.manual_seed(0)
        return UNet(3, 1, self.outputs, self.features).eval()

    @cached_property
    def image(self) -> Tensor:
        """(1, 1, size, size, size)."""
        return torch.rand(1, 1, *[self.size] * 3, generator=torch.Generator().manual_seed(1))

    @cached_property
    def mask(self) -> Tensor:
        """Half of the voxels, those where class 1 scores highest: a fixed region, so that all score the same."""
        with torch.no_grad():
            scores: Tensor = self.model(self.image)[0, 1]
        return scores > scores.median()

    @property
    def target(self) -> dict[str, object]:
        """Class 1 in our words."""
        return self.targets([1])

    def targets(self, classes: list[int]) -> dict[str, object]:
        """Classes over the region, in our words."""
        return {"kind": "region", "class": classes, "mask": self.mask}

    def score(self, points: Tensor, index: int = 1) -> Tensor:
        """(B,): the sum of a class's logits over the region."""
        scores: Tensor = (self.model(points)[:, index] * self.mask).flatten(1).sum(1)
        return scores

    @property
    def scores(self) -> Callable[[Tensor], Tensor]:
        """(B, 1), as Captum wants it."""
        return self.scores_of(1)

    def scores_of(self, index: int) -> Callable[[Tensor], Tensor]:
        """The same for any class."""
        return lambda points: self.score(points, index)[:, None]

    def explain(self, method: Mapping[str, Any], classes: list[int], layer: str = "encoder.0") -> object:
        """Our call of one method."""
        return te.explain(self.model, self.image, [method], target=self.targets(classes), layers=layer)

    def layer(self, name: str) -> nn.Module:
        """A layer by name."""
        return self.model.get_submodule(name)
