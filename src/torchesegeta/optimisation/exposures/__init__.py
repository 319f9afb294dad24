"""How the model is shown what is optimised."""

from torchesegeta.optimisation.exposures.base import Expose, Exposure

__all__ = ["Expose", "Exposure"]
