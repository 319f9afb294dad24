"""How the model is shown what is optimised."""

from torchesegeta.optimisation.exposures.base import Expose, Exposure
from torchesegeta.optimisation.exposures.blend import Blend, Variant
from torchesegeta.optimisation.exposures.resized import Resized
from torchesegeta.optimisation.exposures.veil import Blurred, Border, Fade, Veil

__all__ = [
    "Blend",
    "Blurred",
    "Border",
    "Expose",
    "Exposure",
    "Fade",
    "Resized",
    "Variant",
    "Veil",
]
