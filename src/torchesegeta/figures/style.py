"""The look of all figures: sizes, colours and colour maps in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap

COLD = ("#afecfa", "#5fc0f5", "#3d8fe0", "#3c63a0", "#293e61")
DARK = "#1b1b1b"
WARM = ("#642e1a", "#a7451b", "#e3661d", "#fda13c", "#fde18a")
"""CIELAB lightness 10 in the middle, then 26, 42, 58, 74, 90 to both sides: equal magnitudes look equally strong, and
blue against orange is told apart with every common colour blindness."""

OWN_MAPS = {"cold-warm": (*COLD, DARK, *WARM), "warm": (DARK, *WARM)}


@dataclass(frozen=True)
class Style:
    """Sizes in inches and points, colours, and how a map is laid over its image.

    A figure is drawn 6 inches (152 mm) wide; printed in a column of 84 mm its smallest text is 5 points high.

    Attributes:
        width: Width of a figure in inches; strips of many layers grow beyond it.
        row_height: Largest height of a row of panels in inches.
        title_size: Title, in points.
        text_size: Everything else, in points.
        line_width: Outlines, in points.
        one_signed: Colour map of maps without negative values: "warm", or a name of matplotlib.
        signed: Colour map of maps with both signs: "cold-warm", or a name of matplotlib.
        darkest: Where one-signed colours start, so that weak values tint the anatomy and do not blacken it.
        opacity: Greatest opacity of a map over its image.
        knee: Share of the limit at which a map reaches its greatest opacity.
        fade: Above 1, weak values are more transparent than in proportion.
        percentile: Percentile of the magnitudes, zeros left out, that the colours end at.
        window: Percentiles of the image that become black and white.
        prediction_colour: Outline of the predicted region.
        label_colour: Outline of the label.
        ink: Titles and numbers.
        muted: Parameters and notes.
        alert: Warnings.
    """

    width: float = 6.0
    row_height: float = 2.4
    title_size: float = 11.5
    text_size: float = 9.0
    line_width: float = 0.9
    one_signed: str = "warm"
    signed: str = "cold-warm"
    darkest: float = 0.15
    opacity: float = 0.8
    knee: float = 0.6
    fade: float = 1.4
    percentile: float = 99.5
    window: tuple[float, float] = (1.0, 99.0)
    prediction_colour: str = "#3ddc84"
    label_colour: str = "#ff5ce1"
    ink: str = "#1a1a1a"
    muted: str = "#595959"
    alert: str = "#9c3a00"


PAPER = Style()
"""The style of report, web and paper alike."""


@cache
def colour_map(name: str) -> Colormap:
    """A colour map by matplotlib's name, or "warm" or "cold-warm", defined here."""
    if name in OWN_MAPS:
        return LinearSegmentedColormap.from_list(name, OWN_MAPS[name], N=511)
    return colormaps[name]
