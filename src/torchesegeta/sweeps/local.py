"""Runs only the part of an image that a mask changes, where the network's receptive field is bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from torchesegeta.errors import ModelError
from torchesegeta.features import Windows
from torchesegeta.sweeps.passes import finite_scores
from torchesegeta.sweeps.session import Session

PROBES = 16
"""Neighbouring voxels that are probed: strides up to this are seen at every phase."""
CENTRE = 64
"""Voxels along each axis of the part that is probed first."""
STRIDES = (1, 2, 4, 8, 16)
TOLERANCE = 1e-5
"""Of the output's largest value: what a cropped run may differ by."""

Box = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class Local:
    """How far a voxel reaches in the output, and the unmasked output into which changed parts are pasted.

    Attributes:
        before: Voxels along each axis by which outputs before a voxel depend on it.
        after: The same for outputs after it.
        stride: Crops begin at multiples of it.
        output: (1, K, *spatial), of the unmasked image.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    stride: int
    output: Tensor

    def changed(self, box: Box) -> Box:
        """Where the output changes with a box of the image."""
        sides = zip(box, self.before, self.after, self.output.shape[2:], strict=True)
        return tuple(slice(max(0, s.start - b), min(n, s.stop + a)) for s, b, a, n in sides)

    def needed(self, box: Box) -> Box:
        """The part of the image that the changed output depends on, from and to multiples of the stride."""
        sides = zip(self.changed(box), self.before, self.after, self.output.shape[2:], strict=True)
        step = self.stride
        return tuple(
            slice(max(0, s.start - a) // step * step, min(n, -(-(s.stop + b) // step) * step)) for s, b, a, n in sides
        )

    def share(self, box: Box) -> float:
        """The share of the image that is run for a box."""
        return prod(int(s.stop - s.start) for s in self.needed(box)) / prod(self.output.shape[2:])

    def run(self, session: Session, point: Tensor, box: Box) -> Tensor:
        """The output (1, K, *spatial) for an image (C, *spatial) that differs from the unmasked one in a box only."""
        needed, changed = self.needed(box), self.changed(box)
        part = session.runner.forward(point[_all_channels(needed)][None])
        inside = tuple(slice(c.start - n.start, c.stop - n.start) for c, n in zip(changed, needed, strict=True))
        whole = self.output.clone()
        whole[_all_channels(changed, 2)] = part[_all_channels(inside, 2)]
        return whole


@torch.no_grad()
def find_local(session: Session, windows: Windows, replacement: Tensor) -> Local | str | None:
    """What is known of a network's receptive field, checked on windows; or why it does not help, None if it cannot.

    One voxel at a time is set to NaN: the outputs that turn NaN depend on it. The cropped run is then compared with
    the full one.

    Args:
        session: The image before a model.
        windows: What is hidden.
        replacement: (C, *spatial), what hidden voxels are set to.
    """
    if windows.count < 4 * PROBES:
        return None
    if session.image.extras:
        return "the model takes further inputs"
    try:
        return _find(session, windows, replacement)
    except ModelError:
        return "the model refuses a part of the image, or NaN"


def _find(session: Session, windows: Windows, replacement: Tensor) -> Local | str:
    output = session.runner.forward(session.data[None])
    if tuple(output.shape[2:]) != session.image.shape:
        return "the output is not a map on the image's grid"
    reach = _reach(session, _centre(session.data))
    if isinstance(reach, str):
        reach = _reach(session, session.data)
    if isinstance(reach, str):
        return reach
    local = Local(*reach, stride=1, output=output)
    middle = _box(windows, windows.count // 2)
    if local.share(middle) > 0.5:
        return "the receptive field is as large as the image"
    return _aligned(session, local, windows, replacement) or "a cropped run differs from the full one"


def _all_channels(box: Box, axes: int = 1) -> Box:
    """A box of space in a tensor with further axes before."""
    return (slice(None),) * axes + box


def _box(windows: Windows, index: int) -> Box:
    """A window's place within the image, without channels."""
    _, *place = windows.place(index)
    return tuple(slice(s.start, min(s.stop, n)) for s, n in zip(place, windows.shape[1:], strict=True))


def _centre(data: Tensor) -> Tensor:
    """A part of (C, *spatial) that is cheaper to probe, from and to multiples of every stride."""
    starts = [max(0, (n - CENTRE) // 2) // PROBES * PROBES for n in data.shape[1:]]
    return data[_all_channels(tuple(slice(s, s + CENTRE) for s in starts))]


def _reach(session: Session, data: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]] | str:
    """How far single voxels of (C, *spatial) reach, before and after them along each axis."""
    shape = tuple(data.shape[1:])
    axes = len(shape)
    before, after = [0] * axes, [0] * axes
    for probe in range(PROBES):
        voxel = [min(n - 1, n // 2 - PROBES // 2 + probe) for n in shape]
        point = data.clone()
        point[_all_channels(tuple(slice(v, v + 1) for v in voxel))] = torch.nan
        touched = session.runner.forward(point[None]).isnan()[0].any(0).nonzero()
        if not len(touched):
            return "a probe does not reach the output"
        low, high = touched.amin(0).tolist(), touched.amax(0).tolist()
        if any(a == 0 or b == n - 1 for a, b, n in zip(low, high, shape, strict=True)):
            return "an operation looks at the whole image, or the receptive field exceeds it"
        before = [max(r, v - a) for r, v, a in zip(before, voxel, low, strict=True)]
        after = [max(r, b - v) for r, v, b in zip(after, voxel, high, strict=True)]
    return tuple(before), tuple(after)


def _aligned(session: Session, local: Local, windows: Windows, replacement: Tensor) -> Local | None:
    """With the smallest stride whose crops give the full run's output.

    Tried on windows at both corners and in the middle, and on crops of the unmasked image at every phase of a stride.
    """
    indices = (0, windows.count // 2, windows.count - 1)
    masked = [(_box(windows, i), windows.remove(session.data, replacement, i)) for i in indices]
    tried = [(box, point, session.runner.forward(point[None])) for box, point in masked]
    tried += [(box, session.data, local.output) for box in _phases(session.image.shape, windows.size)]
    for stride in STRIDES:
        candidate = replace(local, stride=stride)
        if all(_equal(candidate.run(session, point, box), whole) for box, point, whole in tried):
            return candidate
    return None


def _phases(shape: tuple[int, ...], size: tuple[int, ...]) -> list[Box]:
    """Boxes in the middle, each one voxel further along every axis than the last."""
    starts = [[max(0, n // 2 - PROBES // 2 + phase) for n in shape] for phase in range(PROBES)]
    return [tuple(slice(s, min(n, s + w)) for s, w, n in zip(start, size, shape, strict=True)) for start in starts]


def _equal(mine: Tensor, theirs: Tensor) -> bool:
    return float((mine - theirs).abs().max()) <= TOLERANCE * float(theirs.abs().max())


@torch.no_grad()
def local_scores(session: Session, local: Local, windows: Windows, batch: Tensor, indices: range) -> Tensor:
    """Scores (B, K) of images that differ from the unmasked one in a window each; one output is held at a time."""
    boxes = [_box(windows, i) for i in indices]
    return torch.cat(
        [finite_scores(session, local.run(session, point, box)) for point, box in zip(batch, boxes, strict=True)]
    )
