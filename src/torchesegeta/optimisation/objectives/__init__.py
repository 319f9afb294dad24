"""What pictures are optimised for."""

from torchesegeta.optimisation.objectives.base import Constant, Objective, Product, Seen, Sum
from torchesegeta.optimisation.objectives.channel import Channel
from torchesegeta.optimisation.objectives.score import Score

__all__ = ["Channel", "Constant", "Objective", "Product", "Score", "Seen", "Sum"]
