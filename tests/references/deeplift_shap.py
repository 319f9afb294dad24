"""The mean of DeepLIFT over several baselines (Lundberg & Lee 2017)."""

import torch
from torch import Tensor, nn

from .deeplift import reference as deeplift
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    baselines: Tensor,
    layer: nn.Module | None = None,
    rule: str = "rescale",
) -> Tensor:
    maps = [deeplift(score, image, model=model, layer=layer, baseline=one[None], rule=rule) for one in baselines]
    return torch.stack(maps).sum(0) / len(maps)
