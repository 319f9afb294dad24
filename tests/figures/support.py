"""Maps, images and readers of figures shared by the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from torchesegeta.types import Affine, Attribution, Image

Array = NDArray[Any]


def attribution(values: Array | None, **changes: Any) -> Attribution:
    """A saliency map for class 1, with changes."""
    chosen: dict[str, Any] = {
        "method": "saliency",
        "label": "saliency",
        "target": "vessel",
        "target_index": 1,
        "layer": None,
        "image": "head",
        "values": None if values is None else torch.as_tensor(np.array(values, dtype=np.float32)),
        "signed": False,
        "quantity": "|∂score/∂x|",
    }
    return Attribution(**{**chosen, **changes})


def image(shape: tuple[int, ...] = (8, 9, 10), affine: Affine | None = None, channels: int = 1) -> Image:
    """Seeded noise with a mask-free label."""
    data = torch.rand((channels, *shape), generator=torch.Generator().manual_seed(0))
    return Image(data, affine, "head")


def noise(*shape: int) -> Array:
    """Seeded normal noise."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def pixels(figure: Figure) -> Array:
    """The figure as (rows, columns, 4), uint8."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def words(figure: Figure) -> str:
    """All text of a figure, in one line."""
    found = [text.get_text() for text in figure.texts]
    found += [text.get_text() for axes in figure.axes for text in axes.texts]
    return " ".join(" ".join(found).split())


def pictures(figure: Figure) -> list[Array]:
    """The pixels of every panel, colour bars left out."""
    shown = [picture.get_array() for axes in figure.axes for picture in axes.images]
    return [np.asarray(picture) for picture in shown if picture is not None and picture.shape[:2] != (512, 1)]
