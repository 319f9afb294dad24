"""Figures as files: PNG for the screen, SVG and PDF with real text for print."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from torchesegeta.errors import StoreError, unknown

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-", suffix=ending)
        os.close(handle)
        try:
            with matplotlib.rc_context(settings):
                figure.savefig(unfinished, dpi=dpi, metadata=METADATA[ending])
            os.chmod(unfinished, 0o644)
            os.replace(unfinished, path)
        finally:
            Path(unfinished).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"figure {path} cannot be written: {error.strerror}") from error
    return path
