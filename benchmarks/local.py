"""Occlusion that runs again only what a window changes, beside full runs: timed and compared window by window."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.table import Row, faster_row
from benchmarks.timing import ratio_of, timed
from torchesegeta.features import Windows
from torchesegeta.sweeps import Runner, Session, prepared
from torchesegeta.sweeps.local import Local, find_local, local_scores
from torchesegeta.sweeps.passes import finite_scores
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

WINDOW = 8
TOLERANCE = 1e-5
"""By which the scores' drops may differ, as a share of the largest drop."""


def network() -> nn.Module:
    """Convolutions of 3³, the middle ones at half the resolution: an output depends on 24³ voxels."""
    torch.manual_seed(0)
    middle = [layer for _ in range(4) for layer in _step(8, 8)]
    up = [nn.Upsample(scale_factor=2), *_step(8, 8), *_step(8, 8)]
    return nn.Sequential(*_step(1, 8), nn.MaxPool3d(2), *middle, *up, nn.Conv3d(8, 2, 1)).eval()


def _step(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv3d(inputs, outputs, 3, padding=1), nn.ReLU()]


def local_rows(quick: bool) -> Iterator[Row]:
    """Windows drawn at random from the grid, the border included."""
    size, drawn = (80, 4) if quick else (128, 64)
    data = torch.rand(1, *[size] * 3, generator=torch.Generator().manual_seed(1))
    windows = Windows((1, *[size] * 3), (WINDOW,) * 3, (WINDOW,) * 3)
    chosen = torch.randperm(windows.count, generator=torch.Generator().manual_seed(0))[:drawn].tolist()
    what, full = f"occlusion of {size}³, window {WINDOW}³, receptive field 24³", "full runs"
    with prepared(network(), torch.device("cpu"), 0) as ready, torch.no_grad():
        session = Session(Runner(ready, torch.device("cpu")), Image(data), parse_target({"kind": "multiclass"}))
        _ = session.bound
        local, finding = timed(partial(_local, session, windows))
        times, furthest = _beside_full_runs(session, local, windows, chosen)
    border = sum(_at_border(windows, index) for index in chosen)
    yield faster_row(f"{what}: {drawn} windows at random, {border} of them at the border", full, ratio_of(times), 5)
    mine, theirs = (statistics.median(column) * windows.count for column in zip(*times, strict=True))
    whole_grid = ratio_of([(finding + mine, theirs)])
    yield faster_row(f"{what}: all {windows.count} windows, reckoned, with finding the field", full, whole_grid, 5)
    aim = f"≤ {TOLERANCE:.0e}"
    yield Row(f"{what}: difference of those drops", full, f"{furthest:.0e}", "", aim, furthest <= TOLERANCE)


def _local(session: Session, windows: Windows) -> Local:
    found = find_local(session, windows, torch.zeros_like(session.data))
    if not isinstance(found, Local):
        raise RuntimeError(f"every window would run the whole image: {found}")
    return found


def _beside_full_runs(
    session: Session, local: Local, windows: Windows, chosen: list[int]
) -> tuple[list[tuple[float, float]], float]:
    """Seconds of the two ways for each window, and how far their drops of the score differ, against the largest."""
    times, apart, largest = [], 0.0, 0.0
    for index in chosen:
        point = windows.remove(session.data, torch.zeros_like(session.data), index)[None]
        mine, part = timed(partial(local_scores, session, local, windows, point, range(index, index + 1)))
        theirs, full = timed(partial(_full_scores, session, point))
        times.append((part, full))
        apart = max(apart, float((mine - theirs).abs().max()))
        largest = max(largest, float((session.scores - theirs).abs().max()))
    return times, apart / largest


def _full_scores(session: Session, point: Tensor) -> Tensor:
    return finite_scores(session, session.runner.forward(point))


def _at_border(windows: Windows, index: int) -> bool:
    _, *place = windows.place(index)
    return any(s.start == 0 or s.stop >= n for s, n in zip(place, windows.shape[1:], strict=True))
