"""Draws the tissue that the demo network finds, as outlines over the image.

Usage:
    python examples/brain_tissue/outlines.py head.nii.gz head.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tissue_data import CLASS_NAMES, PREPROCESS

from torchesegeta.inputs import read_image
from torchesegeta.models.nets import UNet

COLOURS = ("", "#e69f00", "#56b4e9")


def segment(model: UNet, path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """The preprocessed image and the class of each of its voxels, both (X, Y, Z).

    Args:
        model: A trained network, in eval mode.
        path: A T1-weighted head, NIfTI.
    """
    image = read_image(path, preprocess=PREPROCESS).data
    with torch.no_grad():
        classes = model(image[None])[0].argmax(dim=0)
    return image[0].numpy(), classes.numpy()


def draw_outlines(model: UNet, path: Path, picture: Path) -> None:
    """Draws three planes through the middle of the tissue found.

    Slices are in radiological convention: the patient's left is on the right.

    Args:
        model: A trained network, in eval mode.
        path: A T1-weighted head, NIfTI.
        picture: The PNG to write.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    image, classes = segment(model, path)
    found = np.argwhere(classes > 0)
    middle = np.median(found, axis=0).astype(int) if len(found) else np.array(image.shape) // 2
    middle[0] -= 8  # beside the midline, where there is more to see
    figure, panels = pyplot.subplots(1, 3, figsize=(12, 4.4), facecolor="black")
    for axis, panel in enumerate(panels):
        grey, tissue = (np.take(volume, middle[axis], axis=axis).T for volume in (image, classes))
        panel.imshow(grey, origin="lower", cmap="gray", vmin=0, vmax=1)
        for index in range(1, len(CLASS_NAMES)):
            if (tissue == index).any():
                panel.contour(tissue == index, levels=[0.5], colors=COLOURS[index], linewidths=0.7)
        if axis > 0:
            panel.invert_xaxis()
        panel.set_axis_off()
    handles = [Line2D([], [], color=COLOURS[index], label=CLASS_NAMES[index]) for index in (1, 2)]
    figure.legend(handles=handles, loc="lower center", ncols=2, frameon=False, labelcolor="white")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0.08, wspace=0)
    figure.savefig(picture, dpi=110, facecolor="black")
    pyplot.close(figure)


def main() -> None:
    """Reads the command line and draws."""
    from safetensors.torch import load_file
    from train import ARCHITECTURE, SHIPPED

    parser = argparse.ArgumentParser(description="Draws the tissue that the demo network finds.")
    parser.add_argument("image", type=Path, help="a T1-weighted head, NIfTI")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    model = UNet(**ARCHITECTURE).eval()
    model.load_state_dict(load_file(arguments.weights))
    draw_outlines(model, arguments.image, arguments.picture)


if __name__ == "__main__":
    main()
