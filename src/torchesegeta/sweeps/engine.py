"""Runs a sweep once for all its readers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from torchesegeta.sweeps.base import Points, Progress, Reader, Request, Sweep
from torchesegeta.sweeps.changed import JoinedPoints
from torchesegeta.sweeps.foreign import Foreign, ask
from torchesegeta.sweeps.gather import Gather, count_images, gather
from torchesegeta.sweeps.gradient_passes import GradientPasses
from torchesegeta.sweeps.guided_path import Walk
from torchesegeta.sweeps.mask import Mask, MaskPoints
from torchesegeta.sweeps.mask_passes import MaskPasses, mask_points
from torchesegeta.sweeps.optimise import Optimise, Pictured
from torchesegeta.sweeps.optimise_passes import optimise
from torchesegeta.sweeps.patch_channels import ChannelMaps
from torchesegeta.sweeps.patch_limits import check_patchwise
from torchesegeta.sweeps.patch_passes import PatchPasses
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.score_passes import ScorePasses
from torchesegeta.sweeps.session import Session
from torchesegeta.sweeps.walking import walk


def run_sweep(
    sweep: Sweep,
    requests: Sequence[Request],
    session: Session,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> list[Reader]:
    """Run a sweep over a session's image and hand every reader its samples.

    A request or reader that fails is marked with its error and left out; the others go on.

    Args:
        sweep: What to run.
        requests: What methods ask of it. Readouts get `start` and `update`; `finish` is the caller's.
        session: The image, before a model.
        progress: Called after each chunk with the points done and the points in all.
        deadline: When to stop, by `time.monotonic`; readers that still want samples then make do with
            what they have, or fail with a `TimeoutError`.

    Returns:
        A reader for every request and every target it reads; targets that are incompatible with the image have none.

    Raises:
        ModelError: The model cannot run the image, or scores are not finite.
        IncompatibleError: The target does not fit the output, or has no gradient.
    """
    if session.tiling is not None:
        check_patchwise(sweep, requests)
    readers = Readers(session, requests)
    if session.tiling is not None and isinstance(sweep, Mask) and sweep.layers:
        readers.open()
        ChannelMaps(sweep, readers).run(progress, deadline)
        return readers.opened
    points = (
        mask_points(sweep, session, requests) if isinstance(sweep, Mask) else sweep.points(session.data, session.key)
    )
    if isinstance(sweep, Gather) or not points.is_image:
        readers.open()
    if _runs_itself(sweep, points, readers, progress, deadline):
        return readers.opened
    passes = _passes(sweep, points, readers)
    chunks, count = session.chunks(points.together), len(points.weights)
    if isinstance(passes, MaskPasses) and isinstance(sweep, Mask):
        chunks.size = max(chunks.size, passes.most)
        passes.play(sweep, deadline)
    for chunk in chunks.split(count):
        chunks.run(chunk, passes.chunk)
        readers.seen.clear()
        done = count if readers.satisfied else chunk.stop
        if progress is not None:
            progress(done, count)
        if done == count:
            break
        if deadline is not None and time.monotonic() >= deadline:
            readers.expire(done, count)
            break
    return readers.opened


def _runs_itself(
    sweep: Sweep, points: Points, readers: Readers, progress: Progress | None, deadline: float | None
) -> bool:
    """Run a sweep whose points are not known beforehand; False for the others."""
    if isinstance(sweep, Foreign):
        ask(sweep, points, readers)
    elif isinstance(sweep, Optimise) and isinstance(points, Pictured):
        optimise(sweep, points, readers, progress, deadline)
    elif isinstance(sweep, Gather):
        gather(sweep, readers, progress, deadline)
    elif isinstance(points, Walk):
        walk(points, readers, progress, deadline)
    else:
        return False
    return True


def _passes(sweep: Sweep, points: Points, readers: Readers) -> MaskPasses | GradientPasses | PatchPasses | ScorePasses:
    if isinstance(points, MaskPoints):
        return MaskPasses(points, readers)
    if isinstance(points, JoinedPoints):
        return ScorePasses(points, readers)
    if readers.session.tiling is not None:
        return PatchPasses(points, sweep.rule, readers)
    return GradientPasses(points, sweep.rule, readers)


def count_points(sweep: Sweep, session: Session) -> int:
    """Number of points of a sweep over a session's image; of masks made from layers, those of a patch.

    Raises:
        IncompatibleError: There is no such point.
    """
    if isinstance(sweep, Gather):
        return count_images(sweep, session)
    if not isinstance(sweep, Mask):
        return sweep.count
    return len(mask_points(sweep, session.piece if sweep.layers else session, ()).weights)
