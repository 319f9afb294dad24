"""Targets: what is explained. A target turns a model's raw output into scores (B, K)."""

from torchesegeta.targets.base import BoundTarget, OutputInfo, Target, probabilities, segmentation
from torchesegeta.targets.classes import ClassTarget
from torchesegeta.targets.error import ErrorTarget
from torchesegeta.targets.multiclass import MulticlassTarget
from torchesegeta.targets.parse import TargetSpec, parse_target
from torchesegeta.targets.region import RegionTarget
from torchesegeta.targets.threshold import ThresholdTarget

__all__ = [
    "BoundTarget",
    "ClassTarget",
    "ErrorTarget",
    "MulticlassTarget",
    "OutputInfo",
    "RegionTarget",
    "Target",
    "TargetSpec",
    "ThresholdTarget",
    "parse_target",
    "probabilities",
    "segmentation",
]
