"""What pictures are optimised for."""

from torchesegeta.optimisation.objectives.alignment import Alignment
from torchesegeta.optimisation.objectives.alpha_norm import AlphaNorm
from torchesegeta.optimisation.objectives.area import Area
from torchesegeta.optimisation.objectives.base import Constant, Objective, Product, Seen, Sum
from torchesegeta.optimisation.objectives.channel import Channel
from torchesegeta.optimisation.objectives.cosine import Cosine
from torchesegeta.optimisation.objectives.direction import Direction
from torchesegeta.optimisation.objectives.diversity import Diversity
from torchesegeta.optimisation.objectives.energy import Energy
from torchesegeta.optimisation.objectives.in_units import InUnits
from torchesegeta.optimisation.objectives.interpolate import Interpolate
from torchesegeta.optimisation.objectives.match import Match
from torchesegeta.optimisation.objectives.neuron import Neuron
from torchesegeta.optimisation.objectives.score import Rival, Score
from torchesegeta.optimisation.objectives.total_variation import TotalVariation
from torchesegeta.optimisation.objectives.views import OverViews
from torchesegeta.optimisation.objectives.weighted import Weighted, Window

__all__ = [
    "Alignment",
    "AlphaNorm",
    "Area",
    "Channel",
    "Constant",
    "Cosine",
    "Direction",
    "Diversity",
    "Energy",
    "InUnits",
    "Interpolate",
    "Match",
    "Neuron",
    "Objective",
    "OverViews",
    "Product",
    "Rival",
    "Score",
    "Seen",
    "Sum",
    "TotalVariation",
    "Weighted",
    "Window",
]
