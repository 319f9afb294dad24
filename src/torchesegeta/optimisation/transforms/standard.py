"""`standard`: the changes that feature visualisation is used with (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.jitter import Jitter
from torchesegeta.optimisation.transforms.pad import Pad
from torchesegeta.optimisation.transforms.rotate import Rotate
from torchesegeta.optimisation.transforms.scale import Scale

FACTORS = tuple(1 + step / 50 for step in range(-5, 6))
DEGREES = (*(float(angle) for angle in range(-10, 11)), *(0.0,) * 5)


def standard(*, grey: float | tuple[float, ...] | None = None) -> tuple[Transform, ...]:
    """A border of 12 voxels, shifted by up to 4, scaled by up to a tenth, turned by up to 10°, shifted by up to 2.

    For pictures of 128 voxels an axis and more. The border of a smaller one is an eighth of the axis, its shifts a
    sixteenth and a thirty-second: 4, 2 and 1 voxels in a volume of 32³. A volume is turned in one plane at a step.

    Args:
        grey: What the border holds, in the picture's units, such as the middle of its range; one, or one for each
            channel. None: the picture mirrored, which fits any units.
    """
    border = Pad(12, "reflect", share=1 / 8) if grey is None else Pad(12, "constant", grey, share=1 / 8)
    return (border, Jitter(4, share=1 / 16), Scale(FACTORS), Rotate(DEGREES), Jitter(2, share=1 / 32))
