"""What is measured: a 3D U-Net of about a million parameters, an image of 64³, seven layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from torchesegeta.models.nets import UNet

LAYERS = ("encoder.0", "encoder.1", "encoder.2", "bottleneck", "decoder.0", "decoder.1", "decoder.2")


@dataclass(frozen=True)
class Subject:
    """A network, an image and one class of its segmentation.

    Attributes:
        size: Voxels along each axis.
        features: Channels of each level.
    """

    size: int = 64
    features: tuple[int, ...] = (16, 32, 64, 96)

    @cached_property
    def model(self) -> nn.Module:
        """In evaluation mode, weights drawn under a fixed seed."""
        torch.manual_seed(0)
        return UNet(3, 1, 2, self.features).eval()

    @cached_property
    def image(self) -> Tensor:
        """(1, 1, size, size, size)."""
        return torch.rand(1, 1, *[self.size] * 3, generator=torch.Generator().manual_seed(1))

    @cached_property
    def mask(self) -> Tensor:
        """Where class 1 is predicted: a fixed region, so that all score the same."""
        with torch.no_grad():
            predicted: Tensor = self.model(self.image).argmax(1)[0]
        return predicted == 1

    @property
    def target(self) -> dict[str, object]:
        """The target in our words."""
        return {"kind": "region", "class": 1, "mask": self.mask}

    def score(self, points: Tensor) -> Tensor:
        """(B,): the sum of the class's logits over its region."""
        scores: Tensor = (self.model(points)[:, 1] * self.mask).flatten(1).sum(1)
        return scores

    @property
    def scores(self) -> Callable[[Tensor], Tensor]:
        """(B, 1), as Captum wants it."""
        return lambda points: self.score(points)[:, None]

    def layer(self, name: str) -> nn.Module:
        """A layer by name."""
        return self.model.get_submodule(name)
