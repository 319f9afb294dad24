"""Config to validated jobs, and what they will cost: what a user can get wrong is found before anything runs."""

from torchesegeta.plan.estimate import Estimate, estimate
from torchesegeta.plan.examining import examination_seconds
from torchesegeta.plan.images import PlannedImage, name_images
from torchesegeta.plan.plan import Plan, check_config, on_this_machine, planned, probed, threads, workers

__all__ = [
    "Estimate",
    "Plan",
    "PlannedImage",
    "check_config",
    "estimate",
    "examination_seconds",
    "name_images",
    "on_this_machine",
    "planned",
    "probed",
    "threads",
    "workers",
]
