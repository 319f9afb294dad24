"""Pictures that are optimised: objectives, parameterisations, transforms and optimisers. Nothing here runs a model."""

from torchesegeta.optimisation.optimiser import Optimiser

__all__ = ["Optimiser"]
