"""What an optimiser changes, and how pictures come of it."""

from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.pixels import Pixels
from torchesegeta.optimisation.parameterisations.ranged import Ranged, value_range

__all__ = ["Blank", "Canvas", "Parameterisation", "Pixels", "Ranged", "value_range"]
