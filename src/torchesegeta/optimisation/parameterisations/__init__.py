"""What an optimiser changes, and how pictures come of it."""

from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.coloured import Coloured
from torchesegeta.optimisation.parameterisations.colours import colour_matrix
from torchesegeta.optimisation.parameterisations.cppn import Cppn
from torchesegeta.optimisation.parameterisations.fourier import Fourier
from torchesegeta.optimisation.parameterisations.grid import Grid
from torchesegeta.optimisation.parameterisations.pixels import Pixels
from torchesegeta.optimisation.parameterisations.pyramid import Pyramid
from torchesegeta.optimisation.parameterisations.ranged import Ranged, value_range
from torchesegeta.optimisation.parameterisations.shared import Shared
from torchesegeta.optimisation.parameterisations.smooth_masks import SmoothMasks

__all__ = [
    "Blank",
    "Canvas",
    "Coloured",
    "Cppn",
    "Fourier",
    "Grid",
    "Parameterisation",
    "Pixels",
    "Pyramid",
    "Ranged",
    "Shared",
    "SmoothMasks",
    "colour_matrix",
    "value_range",
]
