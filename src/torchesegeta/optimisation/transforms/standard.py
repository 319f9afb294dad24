"""`standard`: the changes that feature visualisation is used with (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from torchesegeta.optimisation.transforms.base import Transform
from torchesegeta.optimisation.transforms.jitter import Jitter
from torchesegeta.optimisation.transforms.pad import Pad
from torchesegeta.optimisation.transforms.rotate import Rotate
from torchesegeta.optimisation.transforms.scale import Scale

SCALES, ANGLES, STILL = 5, 10, 5
"""Steps of the factor and of the angle to either side, and how often in 26 the angle is 0 besides."""


def standard(
    *,
    pad: int = 12,
    jitter: int = 4,
    scale: float = 0.1,
    rotate: float = 10.0,
    grey: float | tuple[float, ...] | None = None,
) -> tuple[Transform, ...]:
    """A border, a shift, a factor, an angle, and a shift by up to half the first; what is 0 is left out.

    For pictures of 128 voxels an axis and more. The border of a smaller one is an eighth of the axis at most, its
    shifts a sixteenth and a thirty-second: 4, 2 and 1 voxels in a volume of 32³. A volume is turned in one plane at a
    step.

    Args:
        pad: Width of the border, in voxels.
        jitter: Largest shift along each axis, in voxels.
        scale: Largest share by which the picture grows or shrinks.
        rotate: Largest angle, in degrees.
        grey: What the border holds, in the picture's units, such as the middle of its range; one, or one for each
            channel. None: the picture mirrored, which fits any units.
    """
    found: list[Transform] = []
    if pad:
        found.append(Pad(pad, "reflect", share=1 / 8) if grey is None else Pad(pad, "constant", grey, share=1 / 8))
    if jitter:
        found.append(Jitter(jitter, share=1 / 16))
    if scale:
        found.append(Scale(tuple(1 + scale * step / SCALES for step in range(-SCALES, SCALES + 1))))
    if rotate:
        angles = (rotate * step / ANGLES for step in range(-ANGLES, ANGLES + 1))
        found.append(Rotate((*angles, *(0.0,) * STILL)))
    if jitter > 1:
        found.append(Jitter(jitter // 2, share=1 / 32))
    return tuple(found)
