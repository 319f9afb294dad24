"""What pictures are optimised for."""

from torchesegeta.optimisation.objectives.alpha_norm import AlphaNorm
from torchesegeta.optimisation.objectives.base import Constant, Objective, Product, Seen, Sum
from torchesegeta.optimisation.objectives.channel import Channel
from torchesegeta.optimisation.objectives.energy import Energy
from torchesegeta.optimisation.objectives.in_units import InUnits
from torchesegeta.optimisation.objectives.match import Match
from torchesegeta.optimisation.objectives.score import Score
from torchesegeta.optimisation.objectives.total_variation import TotalVariation

__all__ = [
    "AlphaNorm",
    "Channel",
    "Constant",
    "Energy",
    "InUnits",
    "Match",
    "Objective",
    "Product",
    "Score",
    "Seen",
    "Sum",
    "TotalVariation",
]
