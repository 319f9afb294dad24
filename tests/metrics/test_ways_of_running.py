"""Metrics patch by patch, in less than float32, of layers on other grids, of programs, and against the clock."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import torchesegeta as te
from torchesegeta.metrics import metrics

from .nets import Classifier, Segmenter, image

SOME: list[Any] = [{"name": "infidelity", "samples": 3}, {"name": "sensitivity", "samples": 2}, "gini"]
CASCADE = "cascading_randomisation"


class Strided(nn.Module):
    """A segmentation with a layer at half the resolution."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.down, self.head = nn.Conv2d(1, 3, 3, stride=2, padding=1), nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(self.head(torch.relu(self.down(x))), x.shape[2:], mode="bilinear")


def test_patch_by_patch_as_on_the_whole_where_patches_change_nothing() -> None:
    """A network that looks at single voxels gives the same from patches."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Tanh(), nn.Conv2d(4, 2, 1))
    found = []
    for patches in (None, {"size": [6, 5], "overlap": 0.5}):
        maps = te.explain(net, image(), ["saliency", "input_x_gradient"], target=1, patches=patches)
        found.append(te.evaluate(net, image(), maps, [*SOME, CASCADE]))
    for whole, pieces in zip(*found, strict=True):
        assert whole.status == pieces.status == "ok", pieces.reason
        assert pieces.value == pytest.approx(whole.value, rel=1e-3, abs=1e-4)


def test_in_bfloat16_as_the_maps() -> None:
    net = Segmenter()
    maps = te.explain(net, image(), ["saliency"], target=1, precision="bfloat16")
    for score in te.evaluate(net, image(), maps, [*SOME, CASCADE]):
        assert score.status == "ok", score.reason
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_maps_of_layers_are_summed_and_resized() -> None:
    net, x = Strided(), image()
    one = te.explain(net, x, ["layer_gradient_x_activation"], target={"kind": "multiclass"}, layers="down")[0]
    (score,) = te.evaluate(net, x, one, SOME[0])
    assert score.warnings == (
        "the layer's map is summed over its channels and interpolated from 5×6 voxels to the image's",
    )
    assert one.values is not None
    resized = functional.interpolate(one.values.sum(0)[None, None], x.shape[1:], mode="bilinear")[0]
    one.values, one.space = resized, "image"
    (other,) = te.evaluate(net, x, one, SOME[0])
    assert other.value == pytest.approx(score.value) and not other.warnings


def test_a_layer_without_spatial_axes_has_no_place_in_the_image() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["layer_gradient_x_activation"], target=1, layers="head")
    statuses = {s.metric: (s.status, s.reason) for s in te.evaluate(net, x, maps, SOME)}
    assert statuses["infidelity"][0] == "incompatible" and "no place in the image" in (statuses["infidelity"][1] or "")
    assert statuses["sensitivity"][0] == "ok"


def test_programs_are_judged_but_for_their_weights() -> None:
    net, x = Classifier().eval(), image()
    program = torch.export.export(net, (x[None],))
    maps = te.explain(program, x, ["saliency"], target=1)
    statuses = {s.metric: (s.status, s.reason) for s in te.evaluate(program, x, maps, [*SOME, CASCADE])}
    assert {name for name, (status, _) in statuses.items() if status == "ok"} == {"infidelity", "sensitivity", "gini"}
    assert "give the model it was made from" in (statuses[CASCADE][1] or "")


def test_several_images_and_targets() -> None:
    net = Segmenter()
    images = [te.Image(image(seed=i), name=name) for i, name in enumerate("ab")]
    maps = te.explain(net, images, ["saliency"], target={"kind": "multiclass"})
    scores = te.evaluate(net, images, maps, SOME)
    assert {(s.image, s.target) for s in scores} == {(m.image, m.target) for m in maps}
    alone = te.evaluate(net, images[1], [m for m in maps if m.image == "b"], SOME)
    together = [s.value for s in scores if s.image == "b"]
    assert together == pytest.approx([s.value for s in alone])


@pytest.mark.parametrize("name", ["infidelity", "sensitivity", CASCADE])
def test_a_time_limit_costs_the_score(name: str) -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    wanted = {"name": name, "timeout_s": 1e-6, **({} if name == CASCADE else {"samples": 40})}
    (score,) = te.evaluate(net, x, maps, wanted)
    assert score.status == "timeout" and "deadline" in (score.reason or "")


def test_running_out_of_memory_costs_the_score(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)

    def greedy(*_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(metrics()["infidelity"], "change", greedy)
    statuses = {s.metric: (s.status, s.reason) for s in te.evaluate(net, x, maps, SOME)}
    assert statuses["gini"][0] == "ok" and statuses["infidelity"][0] == "failed"
    assert "out of memory" in (statuses["infidelity"][1] or "")
