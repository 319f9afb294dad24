"""Trains the demo network: grey and white matter of the MNI152 average brain.

Usage:
    python examples/brain_tissue/train.py                                    about ten minutes on two cores
    python examples/brain_tissue/train.py --quick --output quick.safetensors  a few steps, to see that it runs

Writes the weights, with all that is needed to use them in the file's metadata, and the same as JSON beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional
from augmentation import patches
from monai.transforms import Compose
from outlines import draw_outlines
from safetensors.torch import save_file
from tissue_data import CLASS_NAMES, PREPROCESS, TEST_SLAB, TRAINING_SLAB, dice, load_template, training_channels
from torch import Tensor, nn

from torchesegeta.models.nets import UNet

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "src" / "torchesegeta" / "models" / "weights" / "brain_tissue.safetensors"
ARCHITECTURE: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": len(CLASS_NAMES),
    "features": [16, 16, 32],
    "convolutions_per_block": [1, 2, 1],
    "norm": "batch",
}
ORIGIN = (
    "Trained on the ICBM 152 nonlinear symmetric 2009a average T1 and its tissue maps (Fonov et al. 2011, "
    "doi:10.1016/j.neuroimage.2010.07.033), as shipped with nilearn. Copyright 1993-2009 Louis Collins, McConnell "
    "Brain Imaging Centre, Montreal Neurological Institute, McGill University."
)


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy plus one minus the soft Dice of the tissues.

    Args:
        logits: (B, classes, *spatial).
        labels: (B, *spatial).
    """
    truth = functional.one_hot(labels, logits.shape[1]).movedim(-1, 1)
    predicted = logits.softmax(dim=1)
    axes = (0, *range(2, logits.ndim))
    overlap = 2 * (predicted * truth).sum(axes) / (predicted.sum(axes) + truth.sum(axes)).clamp(min=1)
    return functional.cross_entropy(logits, labels) + 1 - overlap[1:].mean()


def freeze_norms(model: nn.Module) -> None:
    """Keeps the running mean and variance, so that the last steps train the network that will be used."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eval()


def train(model: UNet, channels: dict[str, Tensor], draw: Compose, *, steps: int, batch: int) -> None:
    """Fits the model to random patches of the slab.

    Args:
        model: Changed in place.
        channels: From `training_channels`.
        draw: Random patches, from `patches`.
        steps: Number of updates.
        batch: Patches per update.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=steps, pct_start=0.1)
    model.train()
    started = time.perf_counter()
    for step in range(steps):
        if step == round(0.7 * steps):
            freeze_norms(model)
        samples = [draw(channels) for _ in range(batch)]
        image = torch.stack([torch.as_tensor(sample["image"]) for sample in samples])
        labels = torch.stack([torch.as_tensor(sample["label"])[0].round().long() for sample in samples])
        loss = loss_of(model(image), labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 25 == 0 or step == steps - 1:
            print(f"step {step:4d}  loss {loss.item():.3f}  {time.perf_counter() - started:.0f} s", flush=True)
    model.eval()


def held_out_dice(model: UNet, image: Tensor, labels: Tensor) -> dict[str, float]:
    """Dice of each tissue in the test slab, which shares no voxel with anything the training has seen."""
    gap = TEST_SLAB.start - TRAINING_SLAB.stop
    if gap < model.receptive_field:
        raise SystemExit(f"the gap of {gap} voxels is smaller than the receptive field of {model.receptive_field}")
    with torch.no_grad():
        predicted = model(image[None])[0].argmax(dim=0)
    return {
        name: round(dice(predicted[:, TEST_SLAB], labels[:, TEST_SLAB], index), 4)
        for index, name in enumerate(CLASS_NAMES)
        if index > 0
    }


def save(model: UNet, path: Path, scores: dict[str, float], facts: dict[str, Any]) -> None:
    """Writes the weights with their description, and the description as JSON beside them."""
    description = {
        "factory": "torchesegeta.models.nets:UNet",
        "arguments": ARCHITECTURE,
        "preprocess": PREPROCESS,
        "activation": "softmax",
        "class_names": CLASS_NAMES,
        "held_out_dice": scores,
        "evidence": "One average brain, another part of which was the training set: no evidence of generalisation.",
        "origin": ORIGIN,
        "licence": "Weights: Apache-2.0. The template may be used for any purpose with its copyright notice.",
        **facts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {key: value if isinstance(value, str) else json.dumps(value) for key, value in description.items()}
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path, metadata=metadata)
    path.chmod(0o644)  # safetensors makes a file that its owner alone may read, which would stay so in a package
    path.with_suffix(".json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains the demo network on the MNI152 average brain.")
    parser.add_argument("--output", type=Path, help="the weights file; without it, the one shipped in the package")
    parser.add_argument("--steps", type=int, default=500, help="number of updates (default: 500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="three small steps, only to see that everything runs")
    arguments = parser.parse_args()
    if arguments.quick and arguments.output is None:
        parser.error("--quick needs --output, so that the shipped weights are not overwritten")
    return arguments


def main() -> None:
    """Trains, tests on the held-out slab, saves, and draws a real head where there is one."""
    arguments = parse_arguments()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    image, labels = load_template()
    model = UNet(**ARCHITECTURE)
    channels = training_channels(image, labels)
    size = (32, 32, 32) if arguments.quick else (64, 48, 64)
    draw = patches(tuple(channels["image"].shape[1:]), size)
    draw.set_random_state(arguments.seed)
    steps = 3 if arguments.quick else arguments.steps
    train(model, channels, draw, steps=steps, batch=1 if arguments.quick else 2)
    scores = held_out_dice(model, image, labels)
    print("Dice on the held-out slab:", ", ".join(f"{name} {score:.3f}" for name, score in scores.items()))
    output = arguments.output or SHIPPED
    slabs = {name: [slab.start, slab.stop] for name, slab in (("training", TRAINING_SLAB), ("test", TEST_SLAB))}
    facts = {"slabs_along_y": slabs, "receptive_field": model.receptive_field, "seed": arguments.seed, "steps": steps}
    save(model, output, scores, facts)
    data = os.environ.get("TORCHESEGETA_DATA")
    if data and not arguments.quick:
        draw_outlines(model, Path(data) / "meshnet" / "head_t1.nii.gz", HERE / "real_head.png")


if __name__ == "__main__":
    main()
