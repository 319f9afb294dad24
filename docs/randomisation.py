"""Runs a cascade that shows which methods notice random weights: `python -m docs.randomisation`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import torchesegeta as te
from docs.shapes import KINDS, shape_image, trained_shape_network
from torchesegeta.figures import save
from torchesegeta.figures.cascade import CascadeRow, cascade_strip
from torchesegeta.figures.curves import draw_curves
from torchesegeta.figures.frame import frame_of

HERE = Path(__file__).parent
METHODS: tuple[Any, ...] = (
    *("saliency", "vanilla_backprop", {"name": "integrated_gradients", "steps": 64}, "input_x_gradient"),
    *("guided_backprop", "deconvolution"),
)
FIRST, COUNT = 10_000, 12
"""Images that the network was not trained on."""

MEASURES = {"spearman_inside": "rank correlation", "ssim": "SSIM"}


def accuracy(network: nn.Module, count: int = 300) -> float:
    """Share of new images whose class the network tells."""
    drawn = [shape_image(FIRST + number) for number in range(count)]
    with torch.no_grad():
        found = network(torch.stack([image for image, _ in drawn])).argmax(1)
    return float((found == torch.tensor([kind for _, kind in drawn])).double().mean())


def cascade(network: nn.Module, count: int = COUNT, methods: Sequence[Any] = METHODS) -> list[te.Score]:
    """A cascade of every image and method, for the image's own class."""
    scores: list[te.Score] = []
    for number in range(FIRST, FIRST + count):
        values, kind = shape_image(number)
        image = te.Image(values, name=f"{KINDS[kind]} {number}")
        maps = te.explain(network, image, list(methods), target=kind, progress=False)
        scores += te.evaluate(network, image, maps, "cascading_randomisation", progress=False)
    return scores


def mean_curves(scores: Sequence[te.Score], measure: str) -> dict[str, list[float]]:
    """Means over the images, by method."""
    labels = dict.fromkeys(score.label for score in scores)
    found = {one: [score.curves[measure] for score in scores if score.label == one] for one in labels}
    return {one: np.nanmean(np.array(curves), axis=0).tolist() for one, curves in found.items()}


def table(scores: Sequence[te.Score], measure: str) -> str:
    """In markdown, a row per method, a column per step."""
    head = ["method", *(str(step) for step in range(len(scores[0].steps)))]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --: |" * (len(head) - 1)]
    for label, curve in mean_curves(scores, measure).items():
        lines.append(f"| `{label}` | {' | '.join(f'{value:.2f}'.replace('-', '−') for value in curve)} |")
    return "\n".join(lines) + "\n"


def draw(scores: Sequence[te.Score], folder: Path) -> None:
    """The strip of the first image, and the curves."""
    steps = ["original", *(str(step) for step in range(1, len(scores[0].steps)))]
    first = [score for score in scores if score.image == scores[0].image]
    rows = [
        CascadeRow(
            te.methods()[score.label].title,
            score.arrays["plane"].numpy(),
            score.label != "saliency",
            score.curves["ssim"],
        )
        for score in first
    ]
    frame = frame_of(tuple(rows[0].views.shape[1:]), None)
    notes = ["each map on its own scale", "below: SSIM with the original"]
    strip = cascade_strip(rows, steps, frame, title="Layers with random weights, from the output on", notes=notes)
    save(strip, folder / "randomisation_strip.png", dpi=110)
    found = {name: mean_curves(scores, measure) for measure, name in MEASURES.items()}
    panels = {name: {te.methods()[one].title: curve for one, curve in own.items()} for name, own in found.items()}
    notes = [f"means over {COUNT} images"]
    curves = draw_curves(panels, steps, title="Similarity to the original map", notes=notes)
    save(curves, folder / "randomisation_curves.png", dpi=110)


def page(scores: Sequence[te.Score], right: float, notes: str) -> str:
    """The page: notes written by hand, with the tables put in their place."""
    found = "".join(f"**{name}** (`{measure}`)\n\n{table(scores, measure)}\n" for measure, name in MEASURES.items())
    made = "<!-- Made by `python -m docs.randomisation` from randomisation_notes.md; changes here are lost. -->\n\n"
    before, _, after = notes.partition("<!-- table -->\n")
    return f"{made}{before.replace('ACCURACY', f'{right:.0%}')}{found}{after.lstrip()}"


def main() -> None:
    """Run it."""
    network = trained_shape_network()
    scores = cascade(network)
    draw(scores, HERE / "images")
    text = page(scores, accuracy(network), (HERE / "randomisation_notes.md").read_text("utf-8"))
    (HERE / "randomisation.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
