"""How many patches the passes of a sweep run, as planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from torchesegeta.errors import EsegetaError
from torchesegeta.features import Partition, Regions, Windows
from torchesegeta.patches import Tiling
from torchesegeta.sweeps.base import NEEDS_SCORE, Read, Sweep
from torchesegeta.sweeps.coalitions import Permutations
from torchesegeta.sweeps.mask import Mask, OneOut
from torchesegeta.sweeps.optimise import Optimise
from torchesegeta.sweeps.patch_batch import linear_reach
from torchesegeta.sweeps.session import Session

Passes = Mapping[str, int]


@dataclass(frozen=True)
class Reading:
    """What the readers of a sweep read, in short.

    Attributes:
        image: Whether some read the image's gradient.
        layers: Whether some read layers.
        scored: Whether all of them read a score.
        spans: Whether some read changes over spans.
        shares: Whether a layer's masses are measured before.
    """

    image: bool
    layers: bool
    scored: bool
    spans: bool
    shares: bool

    @classmethod
    def of(cls, reads: Sequence[tuple[str | None, Read]], *, shares: bool) -> Reading:
        """Of what is read at each place."""
        return cls(
            any(place is None for place, _ in reads),
            any(place is not None for place, _ in reads),
            all(read & NEEDS_SCORE for _, read in reads),
            any(read & Read.CHANGE for _, read in reads),
            shares,
        )


def patch_passes(sweep: Sweep, session: Session, planned: Passes, points: int, reading: Reading) -> dict[str, int]:
    """Forward and backward passes of patches over a session's image; at most, where slopes are known only on the way.

    Args:
        sweep: The sweep.
        session: The image before a model, with patches; bound.
        planned: Its passes over whole images.
        points: Number of points.
        reading: What is read.
    """
    assert session.tiling is not None
    patches = session.tiling.count
    forward, backward = planned["forward"] * patches, planned["backward"] * patches
    if isinstance(sweep, Optimise):  # a patch is run once more before its gradient goes back
        return {"forward": forward + backward, "backward": backward}
    if isinstance(sweep, Mask) and sweep.layers:
        nonlinear = session.bound.within is None  # activations, the patch itself, the prediction
        return {"forward": patches * (points + 2 + sweep.needs_ends + nonlinear), "backward": 0}
    if isinstance(sweep, Mask):
        masks = _touched(sweep, session, points)
        return {"forward": masks + patches + (patches if sweep.needs_ends else 0), "backward": 0}
    return _graded_passes(sweep, session, planned, points, reading)


def _graded_passes(sweep: Sweep, session: Session, planned: Passes, points: int, reading: Reading) -> dict[str, int]:
    """Of a sweep with gradients."""
    assert session.tiling is not None
    patches, linear = session.tiling.count, session.bound.within is not None
    run = sum(map(bool, linear_reach(session).values())) if linear and reading.scored else patches
    twice = sweep.rule is not None and sweep.rule.needs_baseline
    ends = 2 if sweep.needs_ends and not twice else 0
    forward, backward = ends * patches + (planned["forward"] - ends) * run, planned["backward"] * run
    if not linear and backward:  # the prediction at the point, and at its baseline
        forward += points * patches * (1 + twice)
        if points > 1 and reading.spans:  # corners of each point by themselves
            forward += (2 * points - sweep.span_corners) * patches
    if reading.image and reading.layers and (points > 1 or session.tiling.overlaps):  # one after the other
        forward, backward = forward + points * run, backward + planned["backward"] * run
    if reading.shares:  # from the score and its negative
        targets = len(session.bound.names) - len(session.bound.incompatible)
        forward, backward = forward + points * run, backward + 2 * targets * points * run
    baselines = points // (3 if sweep.rule is not None and sweep.rule.in_parts else 1)
    if sweep.rule is not None and not sweep.rule.keeps_output:  # a plain one, to compare with
        forward += baselines
    if twice and linear and session.tiling.overlaps and not reading.image:  # whose patches do not tell the score
        forward += baselines * patches
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
