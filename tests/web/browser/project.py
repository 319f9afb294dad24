"""Models and images for a server, and the server on them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import docs.browser

from .. import project

NETS = f"""{project.NETS}

import torch


class Unruled(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(1, 2, 3, padding=1)

    def forward(self, x):
        return torch.cumsum(self.first(x), 2) * torch.erfinv(torch.tanh(x) * 0.5)
"""
MODELS = {
    "volume": ("Two regions in a volume", "Volume", 3, ["outside", "inside"]),
    "picture": ("Two regions in a picture", "Picture", 2, ["outside", "inside"]),
    "ball": ("A ball in a volume", "Volume", 3, ["outside", "inside"]),
    "unruled": ("A model with odd operations", "Unruled", 3, ["outside", "inside"]),
}
EDGE = 48


def write(folder: Path) -> None:
    """A catalogue of four small models, volumes of 48³ and 12 × 14 × 16, a colour picture of 48 × 64."""
    (folder / "images").mkdir()
    (folder / "runs").mkdir()
    (folder / "nets.py").write_text(NETS, encoding="utf-8")
    save_file(_ball_weights(), folder / "ball.safetensors")
    (folder / "models.json").write_text(json.dumps({"models": [_model(key) for key in MODELS]}), encoding="utf-8")
    axis = np.linspace(-1, 1, EDGE)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    ball = np.exp(-4 * ((x - 0.2) ** 2 + y**2 + (z + 0.1) ** 2)).astype(np.float32)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(ball, affine), folder / "images" / "ball.nii.gz")
    nibabel.save(nibabel.Nifti1Image((ball > 0.5).astype(np.uint8), affine), folder / "images" / "inside.nii.gz")
    nibabel.save(nibabel.Nifti1Image(ball[12:36:2, 12:40:2, 12:44:2], affine), folder / "images" / "small.nii.gz")
    rows, columns = np.meshgrid(np.linspace(0, 255, 48), np.linspace(0, 255, 64), indexing="ij")
    colours = np.stack([rows, columns, 255 - rows], -1).astype(np.uint8)
    Image.fromarray(colours).save(folder / "images" / "colours.png")


def _model(key: str) -> dict[str, object]:
    name, factory, dims, classes = MODELS[key]
    return {
        "id": key,
        "name": name,
        "summary": "For tests.",
        "spatial_dims": dims,
        "channels": 1 if dims == 3 else 3,
        "task": "segmentation",
        "accepts_checkpoint": key == "ball",
        "model": {
            "factory": f"nets.py:{factory}",
            "activation": "softmax",
            "class_names": classes,
            **({"checkpoint": "ball.safetensors"} if key == "ball" else {}),
        },
    }


def _ball_weights() -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Weights with which `Volume` finds what is brighter than a half."""
    shapes = {"0.weight": (4, 1, 3, 3, 3), "0.bias": (4,), "2.weight": (2, 4, 3, 3, 3), "2.bias": (2,)}
    random = np.random.default_rng(0)
    weights = {name: random.normal(0, 0.01, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["0.weight"][0, 0, 1, 1, 1] = 1
    weights["2.weight"][1, 0, 1, 1, 1] = 10
    weights["2.bias"][1] = -5
    return weights


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """`esegeta serve` on the folder's models, images and runs; its link."""
    models, images = folder / "models.json", folder / "images"
    with docs.browser.serving(folder / "runs", "--models", str(models), "--images", str(images)) as link:
        yield link
