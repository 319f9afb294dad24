"""Patch by patch in half precision: close to float32, sums in float32, done again where a patch overflows."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from tests.conformance.snapshot import assert_same, snapshot
from torchesegeta.patches import Patches
from torchesegeta.precise import AGREEMENT
from torchesegeta.sweeps import Gradient, Read, Request, Runner, Session, prepared, run_sweep
from torchesegeta.sweeps.blended import Placed
from torchesegeta.targets import parse_target
from torchesegeta.types import Image, Precision

from .test_patches import LOGITS, PROBABILITIES, REGION, SHAPES, SIZES, image, net

HALF: tuple[Precision, ...] = tuple(p for p in get_args(Precision) if p != "float32")
ERROR = {"amp": 0.15, "bfloat16": 0.15, "float16": 0.03}
"""Of a map's length, as for whole images."""
METHODS: list[Any] = [
    "vanilla_backprop",
    {"name": "integrated_gradients", "steps": 4},
    {"name": "smoothgrad", "samples": 3},
    {"name": "occlusion", "window": 4},
    {"name": "kernel_shap", "features": 3, "samples": 20},
    {"name": "lime", "features": 3, "samples": 20},
    "guided_backprop",
    "gradcam",
    "layer_activation",
    {"name": "layer_conductance", "steps": 3},
    {"name": "class_image", "steps": 2},
    "deeplift",
]
CUT: dict[int, dict[str, Any]] = {d: {"size": SIZES[d], "overlap": 0.5, "blend": "gaussian"} for d in SIZES}


@pytest.mark.parametrize("target", [LOGITS, PROBABILITIES], ids=["linear", "softmax"])
@pytest.mark.parametrize("precision", HALF)
def test_every_sweep_is_close_to_float32(precision: Precision, target: Any) -> None:
    model, data = net(norm=False), image(SHAPES[2])
    before = snapshot(model)
    plain = te.explain(model, data, METHODS, target, ["act"], patches=CUT[2])
    narrow = te.explain(model, data, METHODS, target, ["act"], patches=CUT[2], precision=precision)
    assert_same(before, snapshot(model))
    for mine, theirs in zip(narrow, plain, strict=True):
        assert mine.key == theirs.key and mine.status == theirs.status == "ok", (mine.key, mine.reason)
        assert mine.values is not None and theirs.values is not None and mine.values.dtype == torch.float32
        if mine.method == "deeplift":
            assert mine.precision == "float32" and torch.equal(mine.values, theirs.values)
            continue
        assert mine.precision == precision and len(mine.warnings) == len(theirs.warnings), mine.warnings
        assert not torch.equal(mine.values, theirs.values)
        apart, length = float((mine.values - theirs.values).norm()), float(theirs.values.norm())
        assert apart <= ERROR[precision] * length, (mine.key, apart / length)


@pytest.mark.parametrize("precision", HALF)
def test_volumes(precision: Precision) -> None:
    plain = te.explain(net(3), image(SHAPES[3]), ["vanilla_backprop"], LOGITS, patches=CUT[3])
    narrow = te.explain(net(3), image(SHAPES[3]), ["vanilla_backprop"], LOGITS, patches=CUT[3], precision=precision)
    for mine, theirs in zip(narrow, plain, strict=True):
        assert mine.precision == precision and mine.values is not None and theirs.values is not None
        assert float((mine.values - theirs.values).norm()) <= ERROR[precision] * float(theirs.values.norm())


def test_predictions_are_stitched_in_float32() -> None:
    """Thousands of values that are blended add up without bfloat16's steps, and the region is float32's."""
    model, data = nn.Conv2d(1, 2, 1), image(SHAPES[2])
    with prepared(model, torch.device("cpu"), 0) as ready:
        runner = Runner(ready, torch.device("cpu"))
        with runner.at("bfloat16"):
            cut = Patches.model_validate(CUT[2])
            session = Session(runner, Image(data), parse_target(LOGITS), patches=cut)
            with torch.no_grad():
                single = runner.forward(data[None])
                assert session.runner.forward(data[None]).dtype == torch.float32
                torch.testing.assert_close(session.runner.forward(data[None]), single, rtol=1e-5, atol=1e-6)
            _ = session.bound
            with runner.at("float32"), torch.no_grad():
                predicted = session.runner.forward(data[None]).argmax(1)[0]
            assert session.prediction is not None and torch.equal(session.prediction.long(), predicted)


def test_a_patch_without_a_slope_is_no_slope_that_vanished() -> None:
    """Of one target there is none in most patches, and float16 stays what the maps are made in."""
    maps = te.explain(net(), image((18, 18)), ["vanilla_backprop"], LOGITS, patches={"size": 3}, precision="float16")
    assert [(m.status, m.precision, m.warnings) for m in maps] == [("ok", "float16", ())] * len(maps)

    conductance = {"name": "layer_conductance", "steps": 3}
    target = {"kind": "region", "class": 1, "box": [[0, 3], [0, 3]], "score": "probability"}
    (one,) = te.explain(net(), image((18, 18)), [conductance], target, ["act"], patches=CUT[2], precision="float16")
    assert (one.status, one.precision) == ("ok", "float16") and "blended" in one.warnings[0], one.warnings


def test_the_region_is_that_of_float32() -> None:
    """Two classes that are one in bfloat16, and a sweep that meets an unbound target there."""
    model, cut = nn.Conv2d(1, 2, 1, bias=False), Patches.model_validate(CUT[2])
    model.weight.data = torch.tensor([1.0, 1.001]).view(2, 1, 1, 1)
    with prepared(model, torch.device("cpu"), 0) as ready:
        runner = Runner(ready, torch.device("cpu"))
        session = Session(runner, Image(image(SHAPES[2]).abs()), parse_target(LOGITS), patches=cut)
        with runner.at("bfloat16"):
            readers = run_sweep(Gradient(), [Request(Read.INPUT_GRADIENT, None, lambda target: Placed(None))], session)
        assert session.prediction is not None and bool((session.prediction == 1).all())
        assert [reader.target for reader in readers] == [0]


class Bright(nn.Module):
    """Overflows float16 where the image is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(x * 1e4) / 1e4
        return output


def test_a_patch_that_overflows_is_done_again_in_float32() -> None:
    model, data = Bright(), image(SHAPES[2]).clamp(-3, 3)
    data[0, 3, 4] = 10.0
    methods: list[Any] = ["vanilla_backprop", {"name": "occlusion", "window": 4}]
    plain = te.explain(model, data, methods, REGION, patches=CUT[2])
    narrow = te.explain(model, data, methods, REGION, patches=CUT[2], precision="float16")
    for mine, theirs in zip(narrow, plain, strict=True):
        assert (mine.status, mine.precision) == ("ok", "float32"), mine.reason
        assert mine.values is not None and theirs.values is not None
        torch.testing.assert_close(mine.values, theirs.values)
        assert mine.warnings[0].startswith("done again in float32; in float16: ")


def test_agreement_is_measured() -> None:
    (one,) = te.explain(
        net(), image(SHAPES[2]), ["vanilla_backprop"], REGION, patches=CUT[2], precision="bfloat16", agreement=True
    )
    assert one.precision == "bfloat16" and 0.9 < one.measures[AGREEMENT] < 1
