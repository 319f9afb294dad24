"""Mask sweeps: forward passes only, one set for all targets and for all methods with the same masks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.features import Features
from torchesegeta.sweeps import Mask, OneOut, count_points

from .counting import IMAGE, LAYERS, CountingNet, session_of

BLOCKS = {"name": "feature_ablation", "features": 4}
COUNT = 3 * 3


@pytest.fixture
def net() -> CountingNet:
    return CountingNet()


def values(attribution: te.Attribution) -> Tensor:
    assert attribution.values is not None, attribution.reason
    return attribution.values


def test_all_targets_and_equal_masks_share_their_forwards(net: CountingNet) -> None:
    maps = te.explain(net, IMAGE, [BLOCKS, {"name": "occlusion", "window": 4}], target=[0, 1, 2])
    assert net.forwards == dict.fromkeys(LAYERS, COUNT + 1)
    assert not net.backwards
    assert len(maps) == 6
    for target in range(3):
        one, other = (values(maps.select(name, target=target)) for name in ("feature_ablation", "occlusion"))
        assert torch.equal(one, other)
    assert {tuple(m.passes.values()) for m in maps} == {(COUNT + 1, 0)}


def test_passes_are_planned(net: CountingNet) -> None:
    sweep = Mask(OneOut(Features(kind="blocks", size=4)))
    with session_of(net) as session:
        count = count_points(sweep, session)
    assert sweep.passes(5, [], count) == {"forward": COUNT, "backward": 0}


def test_memory_running_out_costs_no_mask(net: CountingNet) -> None:
    whole = te.explain(net, IMAGE, [BLOCKS], target=[0, 1], chunk_size=8)
    net.batch_limit = 3
    halved = te.explain(net, IMAGE, [BLOCKS], target=[0, 1], chunk_size=8)
    for one, other in zip(whole, halved, strict=True):
        torch.testing.assert_close(values(one), values(other))


def test_counts_of_voxels_may_be_explained() -> None:
    image = torch.randn(1, 8, 9, generator=torch.Generator().manual_seed(2))
    target = {"kind": "multiclass", "classes": [1], "count": True}
    maps = te.explain(nn.Conv2d(1, 3, 3, padding=1), image, [BLOCKS, "saliency"], target=target)
    assert {m.label: m.status for m in maps} == {"feature_ablation": "ok", "saliency": "incompatible"}
    drops = values(maps["feature_ablation"])
    assert torch.equal(drops, drops.round()) and float(drops.abs().max()) >= 1


def test_network_without_gradient_is_explained() -> None:
    class Detached(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().flatten(1)[:, :3].round()

    maps = te.explain(Detached(), torch.rand(1, 8, 8) * 9 + 1, [{"name": "occlusion", "window": 2}], target=0)
    assert maps[0].status == "ok"


def test_masks_of_a_single_feature() -> None:
    net = CountingNet()
    maps = te.explain(net, IMAGE, [{"name": "feature_ablation", "features": 20}], target=1)
    assert torch.unique(values(maps[0])).numel() == 1


def test_failing_layer_of_occlusion_window_says_so(net: CountingNet) -> None:
    maps = te.explain(net, IMAGE, [{"name": "occlusion", "window": [2, 2, 2]}, "saliency"], target=1)
    assert maps["occlusion"].status == "incompatible"
    assert "3 numbers; the image has 2 axes" in str(maps["occlusion"].reason)
    assert maps["saliency"].status == "ok"


def test_stride_beyond_the_window_is_refused(net: CountingNet) -> None:
    with pytest.raises(te.errors.ConfigError, match="leaves voxels that no block covers"):
        te.explain(net, IMAGE, [{"name": "occlusion", "window": 2, "stride": 3}], target=1)
