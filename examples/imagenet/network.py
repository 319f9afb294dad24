"""EfficientNet-Lite0 (Apache-2.0) for pictures with values in [0, 1]."""

from __future__ import annotations

from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

MEAN, DEVIATION = 127 / 255, 128 / 255
"""What the network was trained with."""


class OfPictures(EfficientNet):  # type: ignore[misc]
    """(B, 3, 224, 224) in [0, 1] to 1000 logits."""

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = super().forward((image - MEAN) / DEVIATION)
        return logits


def efficientnet_lite0() -> nn.Module:
    """The network, its weights yet to be loaded."""
    network: nn.Module = OfPictures.from_name("efficientnet-lite0")
    return network
