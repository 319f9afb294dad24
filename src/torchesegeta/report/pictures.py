"""Figures as data URLs, small enough that a report of many figures can be sent by mail."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from torchesegeta.ledger import within

if TYPE_CHECKING:
    from PIL.Image import Image as Raster

BUDGET = 18_000_000
"""Bytes of all pictures of a report together; a quarter more as text."""

LARGEST = 220_000
"""Bytes of one picture, however few there are."""

WIDE = 3
"""How many times that much a figure of many pictures may take."""

QUALITIES = (88, 75, 60)
SHRINK = 0.75


@dataclass(frozen=True)
class Picture:
    """A picture that needs no file.

    Attributes:
        url: A data URL.
        width: In pixels.
        height: In pixels.
    """

    url: str
    width: int
    height: int


@dataclass(frozen=True)
class Album:
    """Turns the figures of a run folder into pictures.

    Attributes:
        folder: The run folder; files outside are not read.
        count: How many figures there will be.
    """

    folder: Path
    count: int

    def picture(self, name: str, *, wide: bool = False) -> Picture | None:
        """A figure as a picture; None where the file is missing, outside the run folder or no picture.

        Args:
            name: Of the file, in the folder.
            wide: Whether it holds many pictures, and may take more bytes than others.
        """
        from PIL import Image, UnidentifiedImageError

        path = within(self.folder, name)
        if path is None or not path.is_file():
            return None
        try:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            return None
        return _encode(image, min(LARGEST * (WIDE if wide else 1), BUDGET // max(self.count, 1)))


def _encode(image: Raster, limit: int) -> Picture:
    """Encode as WebP, coarser and then smaller until it fits the limit."""
    from PIL import Image

    shown = image
    while True:
        for quality in QUALITIES:
            buffer = BytesIO()
            shown.save(buffer, "WEBP", quality=quality, method=3)
            if buffer.tell() <= limit:
                break
        if buffer.tell() <= limit or min(shown.size) < 200:
            text = base64.b64encode(buffer.getvalue()).decode("ascii")
            return Picture(f"data:image/webp;base64,{text}", image.width, image.height)
        shown = shown.resize((round(shown.width * SHRINK), round(shown.height * SHRINK)), Image.Resampling.LANCZOS)
