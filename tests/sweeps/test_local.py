"""Only the changed part is run again: equal to the full run, and switched off where it cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.features import Windows
from torchesegeta.sweeps import Runner, Session, mask_passes, prepared
from torchesegeta.sweeps.local import Local, find_local
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

SHAPE = (70, 66)
IMAGE = torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(0))
TARGET = {"kind": "multiclass"}
OCCLUSION: dict[str, Any] = {"name": "occlusion", "window": 6}


def plain() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 5, padding=2))


def uneven() -> nn.Module:
    return nn.Sequential(nn.ZeroPad2d((4, 0, 1, 2)), nn.Conv2d(1, 3, (4, 5)), nn.Conv2d(3, 3, 1))


def dilated() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=2, dilation=2), nn.BatchNorm2d(4), nn.ELU(), nn.Conv2d(4, 2, 1))


def pooled() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ConvTranspose2d(4, 3, 2, stride=2),
    )


def normed() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1))


def found(net: nn.Module, windows: Windows | None = None, data: Tensor = IMAGE) -> Local | str | None:
    with prepared(net, torch.device("cpu"), 0) as ready:
        session = Session(Runner(ready, torch.device("cpu")), Image(data), parse_target(TARGET))
        shape = tuple(data.shape)
        size = (6,) * (len(shape) - 1)
        return find_local(session, windows or Windows(shape, size, size), torch.zeros_like(data))


def both_ways(net: nn.Module, patch: pytest.MonkeyPatch, **parameters: Any) -> tuple[te.Attributions, te.Attributions]:
    quick = te.explain(net, IMAGE, [{**OCCLUSION, **parameters}], TARGET)
    patch.setattr(mask_passes, "find_local", lambda *_: None)
    return quick, te.explain(net, IMAGE, [{**OCCLUSION, **parameters}], TARGET)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("build", [plain, uneven, dilated, pooled])
def test_equals_the_full_run(build: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(seed)
    net = build()
    assert isinstance(found(net), Local)
    quick, full = both_ways(net, monkeypatch, stride=4 + seed % 3, baseline="mean")
    assert len(quick) == len(full) > 0
    for mine, theirs in zip(quick, full, strict=True):
        assert mine.values is not None and theirs.values is not None
        torch.testing.assert_close(mine.values, theirs.values, atol=1e-4 * float(theirs.values.abs().max()), rtol=0)
        assert not [w for w in mine.warnings if "whole image" in w]


def test_reach_is_that_of_the_kernels() -> None:
    local = found(plain())
    assert isinstance(local, Local)
    assert (local.before, local.after, local.stride) == ((3, 3), (3, 3), 1)
    local = found(uneven())
    assert isinstance(local, Local)
    assert (local.before, local.after) == ((2, 0), (1, 4))
    local = found(pooled())
    assert isinstance(local, Local) and local.stride == 2


def test_volumes() -> None:
    net = nn.Sequential(nn.Conv3d(1, 2, 3, padding=1), nn.Conv3d(2, 2, 3, padding=1))
    local = found(net, data=torch.randn(1, 30, 28, 26))
    assert isinstance(local, Local)
    assert local.before == local.after == (2, 2, 2)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (normed, "looks at the whole image"),
        (lambda: nn.Conv2d(1, 2, 61, padding=30), "looks at the whole image"),
        (lambda: nn.Conv2d(1, 2, 3), "not a map on the image's grid"),
    ],
)
def test_switched_off_with_a_reason(build: Any, reason: str) -> None:
    net = build()
    assert reason in str(found(net))
    maps = te.explain(net, IMAGE, [OCCLUSION], TARGET)
    assert all(m.status == "ok" and any(reason in w for w in m.warnings) for m in maps)


def test_not_tried_for_few_windows() -> None:
    assert found(plain(), Windows((1, *SHAPE), (30, 30), (30, 30))) is None


def test_the_model_is_run_on_a_part_only() -> None:
    seen: list[int] = []
    net = plain()
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].numel()))
    te.explain(net, IMAGE, [OCCLUSION], TARGET)
    assert len([size for size in seen if size <= 18 * 18]) >= 12 * 11
    assert len([size for size in seen if size == IMAGE.numel()]) <= 5


LAYER = st.tuples(st.sampled_from([1, 3, 5]), st.integers(1, 2), st.booleans())
"""Width and dilation of a convolution, and whether an activation follows."""


@settings(max_examples=12, deadline=None, derandomize=True)
@given(layers=st.lists(LAYER, min_size=1, max_size=3), window=st.integers(3, 8), seed=st.integers(0, 99))
def test_equals_the_full_run_on_random_networks(layers: list[tuple[int, int, bool]], window: int, seed: int) -> None:
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for number, (width, dilation, active) in enumerate(layers):
        padding = dilation * (width // 2)
        parts.append(nn.Conv2d(3 if number else 1, 3, width, padding=padding, dilation=dilation))
        parts += [nn.ELU()] if active else []
    net = nn.Sequential(*parts)
    assert isinstance(found(net), Local)
    with pytest.MonkeyPatch.context() as patch:
        for mine, theirs in zip(*both_ways(net, patch, window=window), strict=True):
            assert mine.values is not None and theirs.values is not None
            torch.testing.assert_close(mine.values, theirs.values, atol=1e-4 * float(theirs.values.abs().max()), rtol=0)
