"""Figures that the report draws itself, from what the run folder holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from torchesegeta.figures import save
from torchesegeta.report.pictures import Album, Picture
from torchesegeta.report.records import Run

FOLDER = Path("figures") / "evaluation"
RESOLUTION = 110


@dataclass(frozen=True)
class Plate:
    """A figure with its title."""

    title: str
    picture: Picture


def drawn(run: Run, album: Album, name: str, title: str, draw: Callable[[], Figure]) -> Iterator[Plate]:
    """Draw a figure into the run folder; nothing where it cannot be read back.

    Raises:
        StoreError: The run folder cannot be written.
    """
    path = FOLDER / f"{name}.png"
    save(draw(), run.folder / path, dpi=RESOLUTION)
    picture = album.picture(path.as_posix(), wide=True)
    if picture is not None:
        yield Plate(title, picture)
