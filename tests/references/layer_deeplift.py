"""DeepLIFT at a layer: its multiplier times the activation's change (Shrikumar et al. 2017)."""

from .deeplift import reference

__all__ = ["reference"]
