"""Random changes that keep pictures from exploiting single voxels."""

from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.fit import fit
from torchesegeta.optimisation.transforms.roll import Roll

__all__ = ["Roll", "Transform", "fit"]
