"""Figures as files: PNG for the screen, SVG and PDF with real text for print."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from torchesegeta.errors import StoreError, unknown
from torchesegeta.figures.frame import Array
from torchesegeta.ledger import replacing

RESOLUTION = 150
"""Pixels per inch of a PNG."""

METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def save(figure: Figure, path: Path | str, *, dpi: int = RESOLUTION) -> Path:
    """Write a figure whole or not at all; the same figure gives the same bytes.

    Args:
        figure: What one of the drawing functions returned.
        path: Ends in .png, .svg or .pdf; folders are made.
        dpi: Pixels per inch.

    Returns:
        The path.

    Raises:
        StoreError: The ending is another, or the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in METADATA:
        raise StoreError(unknown("figure format", ending, METADATA))
    settings = {"svg.fonttype": "none", "svg.hashsalt": "torchesegeta", "pdf.fonttype": 42}
    with replacing(path, durable=False) as stream, matplotlib.rc_context(settings):
        figure.savefig(stream, format=ending[1:], dpi=dpi, metadata=METADATA[ending])
    return path


def save_pixels(pixels: Array, path: Path) -> Path:
    """Write (rows, columns) or (rows, columns, 3), uint8, as a PNG, whole or not at all; folders are made.

    Raises:
        StoreError: The file cannot be written.
    """
    from PIL import Image

    with replacing(path, durable=False) as stream:
        Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG")
    return path
