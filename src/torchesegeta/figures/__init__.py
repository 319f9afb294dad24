"""Attributions as figures a clinician can read; the same code for report, web and paper.

No function here touches matplotlib's global state: figures can be drawn in threads and workers.
"""

from torchesegeta.figures.agreement import draw_agreement
from torchesegeta.figures.draw import draw, layer_strip, picture_strip, sheet, target_panel
from torchesegeta.figures.files import save
from torchesegeta.figures.regions import draw_regions
from torchesegeta.figures.scene import Scene
from torchesegeta.figures.style import PAPER, Style

__all__ = [
    "PAPER",
    "Scene",
    "Style",
    "draw",
    "draw_agreement",
    "draw_regions",
    "layer_strip",
    "picture_strip",
    "save",
    "sheet",
    "target_panel",
]
