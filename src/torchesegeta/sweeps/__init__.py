"""Sweeps: planned series of passes through the model. The only code that runs a model."""

from torchesegeta.sweeps.base import NEEDS_LAYER, NEEDS_SCORE, Read, Reader, Readout, Request, Sample, Sweep
from torchesegeta.sweeps.contrast import Contrast
from torchesegeta.sweeps.engine import run_sweep
from torchesegeta.sweeps.gradient import Gradient
from torchesegeta.sweeps.layers import LayerInfo, default_layer, probe_layers
from torchesegeta.sweeps.noise import Noise
from torchesegeta.sweeps.path import Path
from torchesegeta.sweeps.runner import Passes, Runner, prepared
from torchesegeta.sweeps.session import Session

__all__ = [
    "NEEDS_LAYER",
    "NEEDS_SCORE",
    "Contrast",
    "Gradient",
    "LayerInfo",
    "Noise",
    "Passes",
    "Path",
    "Read",
    "Reader",
    "Readout",
    "Request",
    "Runner",
    "Sample",
    "Session",
    "Sweep",
    "default_layer",
    "prepared",
    "probe_layers",
    "run_sweep",
]
