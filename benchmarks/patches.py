"""Patch by patch beside the bare passes of the patches, and masks beside whole sliding-window passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from math import prod

import torch
from torch import Tensor, nn

import torchesegeta as te
from benchmarks.memory import Method, added
from benchmarks.subject import Subject
from benchmarks.table import Row, faster_row, slower_row
from benchmarks.timing import compare, ratio_of, timed
from torchesegeta.features import Features
from torchesegeta.jobs import group, run_job
from torchesegeta.models.nets import UNet
from torchesegeta.patches import Patches
from torchesegeta.sweeps import OneOut, Runner, Session, prepared
from torchesegeta.sweeps.mask import Sources
from torchesegeta.sweeps.patch_masks import PatchScores
from torchesegeta.targets import parse_target
from torchesegeta.tasks import make_tasks, parse_methods
from torchesegeta.types import Image

TOLERANCE = 1e-5
"""By which scores may differ, as a share of the largest change that a block makes."""


def network() -> nn.Module:
    """A small U-Net of 3 classes."""
    torch.manual_seed(0)
    return UNet(spatial_dims=3, in_channels=1, out_channels=3, features=(4, 8), convolutions_per_block=1).eval()


def session_of(model: nn.Module, size: int, patch: int, overlap: float) -> Session:
    """A noise image before a ready network, its target bound: class 1 over all voxels."""
    data = torch.randn(1, *[size] * 3, generator=torch.Generator().manual_seed(1))
    cut = Patches(size=patch, overlap=overlap)
    target = parse_target({"kind": "region", "class": 1, "box": [[0, size]] * 3})
    session = Session(Runner(model, torch.device("cpu")), Image(data), target, patches=cut)
    _ = session.bound
    return session


def patch_rows(pairs: int, quick: bool) -> Iterator[Row]:
    """Gradients, then masks, then memory."""
    with prepared(network(), torch.device("cpu"), 0) as ready:
        yield from _gradient_rows(ready, pairs, quick)
        yield from _mask_rows(ready, quick)
    yield from volume_rows(quick)


def _gradient_rows(model: nn.Module, pairs: int, quick: bool) -> Iterator[Row]:
    size, patch = (24, 16) if quick else (128, 64)
    session = session_of(model, size, patch, 0.25)
    assert session.tiling is not None
    (job,) = group(make_tasks(parse_methods(["vanilla_backprop"]), []))
    ratio = compare(lambda: list(run_job(job, session)), partial(_bare, session), min(pairs, 3))
    what = f"gradient of {size}³ from {session.tiling.count} patches of {patch}³"
    yield slower_row(what, "as many bare passes, forward and backward", ratio, 1.25)


def _bare(session: Session) -> None:
    """What cannot be saved: each patch forward and back."""
    assert session.tiling is not None
    for patch in range(session.tiling.count):
        point = session.tiling.crop(session.data, patch)[None].clone().requires_grad_()
        torch.autograd.grad(session.alone.forward(point)[:, 1].sum(), point)


def _mask_rows(model: nn.Module, quick: bool) -> Iterator[Row]:
    size, patch, block, drawn = (48, 16, 8, 3) if quick else (192, 64, 16, 6)
    session = session_of(model, size, patch, 0.5)
    assert session.tiling is not None
    points = OneOut(Features(kind="blocks", size=block)).points(
        session.data, torch.zeros_like(session.data), "", Sources()
    )
    scores = PatchScores(session)
    count = len(points.weights)
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:drawn].tolist()
    times, apart, changed, whole = [], 0.0, 0.0, _sum(session, session.data)
    for index in chosen:
        (masked,), _ = points.masked(range(index, index + 1))
        (mine, _), part = timed(partial(scores.of, points, range(index, index + 1)))
        theirs, full = timed(partial(_sum, session, masked))
        times.append((part, full))
        apart = max(apart, abs(float(mine - scores.whole) - (theirs - whole)))
        changed = max(changed, abs(theirs - whole))
    what = f"occlusion of {size}³, blocks of {block}³, {session.tiling.count} patches of {patch}³: {drawn} at random"
    peer = "whole sliding-window passes"
    yield faster_row(what, peer, ratio_of(times), 10)
    share = apart / changed
    yield Row(f"{what}: difference of scores", peer, f"{share:.0e}", "", f"≤ {TOLERANCE:.0e}", share <= TOLERANCE)


def _sum(session: Session, point: Tensor) -> float:
    """The score in float64: a sum over a volume in float32 is no yardstick for what a block changes."""
    with torch.no_grad():
        return float(session.runner.forward(point[None])[:, 1].double().sum())


@dataclass(frozen=True)
class Volume(Subject):
    """Next to nothing of a network, over a volume that is three quarters as deep as it is wide."""

    outputs: int = 3

    @cached_property
    def model(self) -> nn.Module:
        """Two convolutions."""
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv3d(2, self.outputs, 1)).eval()

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return (self.size, self.size, self.size * 3 // 4)

    @cached_property
    def image(self) -> Tensor:
        """(1, 1, size, size, ¾ size)."""
        return torch.rand(1, 1, *self.shape, generator=torch.Generator().manual_seed(1))

    @property
    def target(self) -> dict[str, object]:
        """Class 1 over all voxels."""
        return {"kind": "region", "class": 1, "box": [[0, length] for length in self.shape]}


def _in_patches(subject: Subject, method: Method) -> None:
    cut = {"size": PATCH, "overlap": 0.25}  # one at a time, as where there is only one
    te.explain(subject.model, subject.image, [method], subject.target, patches=cut, chunk_size=1)


PATCH = 64


def volume_rows(quick: bool) -> Iterator[Row]:
    """Binding included: what the volume adds to one patch, in volumes."""
    subject, processes = Volume(80 if quick else 256), 1 if quick else 3
    one = added(_in_patches, Volume(PATCH), {"name": "saliency"}, processes)
    whole = added(_in_patches, subject, {"name": "saliency"}, processes)
    volumes = (whole - one) / (4 * prod(subject.shape))
    what = f"saliency of {'×'.join(map(str, subject.shape))} from patches of {PATCH}³, 3 output channels: memory"
    yield Row(what, "one patch", f"{volumes:.2f} volumes more", "", "≤ 5 (C_in + C_out + 1)", volumes <= 5)
