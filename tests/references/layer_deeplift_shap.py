"""The mean of DeepLIFT at a layer over several baselines (Lundberg & Lee 2017)."""

from .deeplift_shap import reference

__all__ = ["reference"]
