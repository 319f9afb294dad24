"""A synthetic run folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from torchesegeta.report import MethodInfo

CATALOGUE = {
    "saliency": MethodInfo("Saliency", "Gradient", "How strongly each voxel moves the score.", "Simonyan et al. 2013"),
    "integrated_gradients": MethodInfo("Integrated gradients", "Path", "Gradients along a path.", "Sundararajan 2017"),
    "layer_gradcam": MethodInfo("Layer Grad-CAM", "Class activation map", "Weighted activations.", "Selvaraju 2017"),
}


def about(**changes: Any) -> dict[str, Any]:
    """The content of `run.json`."""
    content: dict[str, Any] = {
        "schema": 1,
        "state": "finished",
        "config": {"model": {"factory": "nets:UNet", "checkpoint": "unet.safetensors"}, "target": {"kind": "class"}},
        "versions": {"torchesegeta": "0.1.0", "torch": "2.13.0", "python": "3.11.9"},
        "device": "cpu",
        "precision": "float32",
        "seed": 0,
        "started": "2026-01-31T14:05:00+00:00",
        "finished": "2026-01-31T14:09:03+00:00",
        "seconds": 243.0,
        "counts": {},
        "class_names": ["background", "vessel"],
        "images": [
            {
                "name": "head",
                "shape": [160, 160, 96],
                "spacing": [0.625, 0.625, 0.625],
                "affine": [[-0.625, 0, 0, 0], [0, -0.625, 0, 0], [0, 0, 0.625, 0], [0, 0, 0, 1]],
                "path": ["head.nii.gz"],
            }
        ],
        "warnings": [],
        "notes": [],
    }
    return {**content, **changes}


def record(method: str = "saliency", **changes: Any) -> dict[str, Any]:
    """A manifest line of a map."""
    content: dict[str, Any] = {
        "record": "map",
        "method": method,
        "label": method,
        "target": "vessel",
        "target_index": 1,
        "layer": None,
        "image": "head",
        "space": "image",
        "status": "ok",
        "reason": None,
        "seconds": 1.25,
        "passes": {"forward": 1, "backward": 1},
        "peak_memory_bytes": None,
        "warnings": [],
        "parameters": {"absolute": True},
        "measures": {},
        "signed": False,
        "quantity": "|∂score/∂x|",
        "files": {},
    }
    return {**content, **changes}


def write_run(folder: Path, records: Iterable[dict[str, Any]], **changes: Any) -> Path:
    """A run folder with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(about(**changes)), encoding="utf-8")
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in records]
    (folder / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def write_figure(folder: Path, name: str, *, side: int = 40, noisy: bool = False) -> dict[str, str]:
    """A PNG in a run folder, and the `files` entry that names it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((side, side, 3), np.uint8)
    if noisy:
        pixels = np.random.default_rng(0).integers(0, 255, pixels.shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return {"figure": name}
