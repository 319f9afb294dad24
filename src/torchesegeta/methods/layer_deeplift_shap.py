"""DeepLIFT at a layer over a distribution of baselines (Lundberg & Lee 2017, arXiv:1705.07874)."""

from __future__ import annotations

from torchesegeta.methods.base import LayerMethod
from torchesegeta.methods.deeplift_method import LayerDeepLiftMethod
from torchesegeta.methods.deeplift_shap import DeepLiftShap
from torchesegeta.methods.registry import register


@register("layer_deeplift_shap")
class LayerDeepLiftShap(LayerDeepLiftMethod, DeepLiftShap, LayerMethod):
    """Each unit's mean share of the score's change over several baselines."""

    title = "Layer DeepLIFT SHAP"
