"""DeepLIFT at a layer (Shrikumar et al. 2017, arXiv:1704.02685)."""

from __future__ import annotations

from torchesegeta.methods.base import LayerMethod
from torchesegeta.methods.deeplift import DeepLift
from torchesegeta.methods.deeplift_method import LayerDeepLiftMethod
from torchesegeta.methods.registry import register


@register("layer_deeplift")
class LayerDeepLift(LayerDeepLiftMethod, DeepLift, LayerMethod):
    """Each unit's share of the score's change from a baseline to the image."""

    title = "Layer DeepLIFT"
