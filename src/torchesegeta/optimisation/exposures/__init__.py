"""How the model is shown what is optimised."""

from torchesegeta.optimisation.exposures.base import Expose, Exposure
from torchesegeta.optimisation.exposures.resized import Resized

__all__ = ["Expose", "Exposure", "Resized"]
