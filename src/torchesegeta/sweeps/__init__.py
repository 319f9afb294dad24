"""Sweeps: planned series of passes through the model. The only code that runs a model."""

from torchesegeta.sweeps.base import (
    LOOK,
    NEEDS_BACKWARD,
    NEEDS_LAYER,
    NEEDS_SCORE,
    SEEDED,
    Measured,
    Part,
    Progress,
    Read,
    Reader,
    Readout,
    Request,
    Sample,
    Seed,
    Several,
    Sweep,
)
from torchesegeta.sweeps.blur import Blur
from torchesegeta.sweeps.captum import CaptumRun
from torchesegeta.sweeps.cascade import Cascade
from torchesegeta.sweeps.changed import Change, Changed, Series
from torchesegeta.sweeps.channels import Through, Without
from torchesegeta.sweeps.coalitions import Coalitions, Permutations
from torchesegeta.sweeps.contrast import Contrast
from torchesegeta.sweeps.engine import count_points, run_sweep
from torchesegeta.sweeps.exchange import Exchange
from torchesegeta.sweeps.fills import Fill, Flipped, Imputed, Plain, Uniform
from torchesegeta.sweeps.foreign import Foreign
from torchesegeta.sweeps.gather import Gather, Gathered, Gatherer
from torchesegeta.sweeps.gradient import Gradient
from torchesegeta.sweeps.grids import Grids
from torchesegeta.sweeps.guided_path import GuidedPath
from torchesegeta.sweeps.image_set import ImageSet
from torchesegeta.sweeps.independent import Coins, Replicated
from torchesegeta.sweeps.layers import LayerInfo, default_layer, layer_by_default, probe_layers
from torchesegeta.sweeps.mask import Mask, OneOut
from torchesegeta.sweeps.noise import Noise
from torchesegeta.sweeps.optimise import Draftsman, FlatError, Missed, Optimise, Patience, Problem, Result, steps_in
from torchesegeta.sweeps.other_class import OtherClass
from torchesegeta.sweeps.overlap import on_overlap
from torchesegeta.sweeps.patch_counts import patch_passes
from torchesegeta.sweeps.path import Path
from torchesegeta.sweeps.perturbations import BlockOut, Ends, Noisy, NoisyBaseline
from torchesegeta.sweeps.precision import PrecisionError
from torchesegeta.sweeps.ranked import BothWays, Ranked
from torchesegeta.sweeps.runner import Passes, Runner, prepared
from torchesegeta.sweeps.session import Session
from torchesegeta.sweeps.variations import Denoised, Nearby, Variation

__all__ = [
    "LOOK",
    "NEEDS_BACKWARD",
    "NEEDS_LAYER",
    "NEEDS_SCORE",
    "SEEDED",
    "BlockOut",
    "Blur",
    "BothWays",
    "CaptumRun",
    "Cascade",
    "Change",
    "Changed",
    "Coalitions",
    "Coins",
    "Contrast",
    "Denoised",
    "Draftsman",
    "Ends",
    "Exchange",
    "Fill",
    "FlatError",
    "Foreign",
    "Flipped",
    "Gather",
    "Gathered",
    "Gatherer",
    "ImageSet",
    "Gradient",
    "Grids",
    "GuidedPath",
    "Imputed",
    "LayerInfo",
    "Mask",
    "Measured",
    "Missed",
    "Nearby",
    "Noise",
    "Noisy",
    "NoisyBaseline",
    "OneOut",
    "Optimise",
    "OtherClass",
    "Part",
    "Passes",
    "Path",
    "Patience",
    "Permutations",
    "Plain",
    "PrecisionError",
    "Problem",
    "Progress",
    "Ranked",
    "Read",
    "Reader",
    "Readout",
    "Replicated",
    "Request",
    "Result",
    "Runner",
    "Sample",
    "Seed",
    "Series",
    "Session",
    "Several",
    "Sweep",
    "Through",
    "Uniform",
    "Variation",
    "Without",
    "count_points",
    "default_layer",
    "layer_by_default",
    "on_overlap",
    "patch_passes",
    "prepared",
    "probe_layers",
    "run_sweep",
    "steps_in",
]
