"""How many patches the passes of a sweep run, as planned."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from torchesegeta.errors import EsegetaError
from torchesegeta.features import Partition, Regions, Windows
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.base import Sweep
from torchesegeta.sweeps.coalitions import Permutations
from torchesegeta.sweeps.mask import Mask, OneOut
from torchesegeta.sweeps.optimise import Optimise
from torchesegeta.sweeps.session import Session

Passes = Mapping[str, int]


def patch_passes(sweep: Sweep, session: Session, planned: Passes, points: int, *, apart: bool) -> dict[str, int]:
    """Forward and backward passes of patches over a session's image.

    Args:
        sweep: The sweep.
        session: The image before a model, with patches; bound.
        planned: Its passes over whole images.
        points: Number of points.
        apart: Whether some readers read the image and others layers: over several points each kind has its own run.
    """
    assert session.tiling is not None
    patches = session.tiling.count
    forward, backward = planned["forward"] * patches, planned["backward"] * patches
    if isinstance(sweep, Optimise):  # a patch is run once more before its gradient goes back
        return {"forward": forward + backward, "backward": backward}
    if isinstance(sweep, Mask):
        masks = _touched(sweep, session, points)
        return {"forward": masks + patches + (patches if sweep.needs_ends else 0), "backward": 0}
    if session.bound.within is None and backward:  # the prediction at the point, and at its baseline
        twice = sweep.rule is not None and sweep.rule.needs_baseline
        forward += points * patches * (1 + twice)
    if apart and points > 1:
        forward, backward = forward + points * patches, backward + planned["backward"] * patches
    return {"forward": forward, "backward": backward}


def _touched(sweep: Mask, session: Session, masks: int) -> int:
    """Patches that masks touch, or change of the mask before; all of them where it is not known."""
    tiling, design = session.tiling, sweep.design
    assert tiling is not None
    try:
        if isinstance(design, OneOut):
            return count_touched(design.features.resolve(session.data), tiling)
        if isinstance(design, Permutations) and session.bound.within is not None:
            joining = count_touched(design.features.partition(session.data), tiling)
            return min(masks * tiling.count, design.permutations * (joining + tiling.count))
    except EsegetaError:
        return 0
    return masks * tiling.count


def count_touched(regions: Regions, tiling: Tiling) -> int:
    """Patches that hold voxels of a feature, summed over the features."""
    if isinstance(regions, Partition):
        places = ((slice(None), *tiling.place(patch)) for patch in range(tiling.count))
        return sum(int((regions.labels[place].flatten().bincount() > 0).sum()) for place in places)
    assert isinstance(regions, Windows)
    along = [sorted({starts[axis] for starts in tiling.starts}) for axis in range(len(tiling.shape))]
    axes = zip(regions.starts, regions.size, along, tiling.size, strict=True)
    channels = regions.shape[0] if regions.per_channel else 1
    return channels * prod(
        sum(start < w + width and w < start + size for w in windows for start in starts)
        for windows, width, starts, size in axes
    )
