"""Random changes that keep pictures from exploiting single voxels."""

from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.fit import fit
from torchesegeta.optimisation.transforms.flip import Flip
from torchesegeta.optimisation.transforms.jitter import Jitter
from torchesegeta.optimisation.transforms.pad import Pad
from torchesegeta.optimisation.transforms.roll import Roll
from torchesegeta.optimisation.transforms.rotate import Rotate
from torchesegeta.optimisation.transforms.scale import Scale
from torchesegeta.optimisation.transforms.standard import standard

__all__ = [
    "Flip",
    "Jitter",
    "Pad",
    "Roll",
    "Rotate",
    "Scale",
    "Transform",
    "fit",
    "standard",
]
