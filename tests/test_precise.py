"""Maps in half precision: close to those in float32, done again where they cannot be, compared where asked."""

from __future__ import annotations

import warnings
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.precise import AGREEMENT, rank_correlation
from torchesegeta.sweeps import PrecisionError
from torchesegeta.types import Precision

from .conformance.nets import LAYERS, build
from .conformance.snapshot import assert_same, snapshot

HALF: tuple[Precision, ...] = tuple(p for p in get_args(Precision) if p != "float32")
SIZES = {2: (9, 11), 3: (8, 9, 10)}
SWEEPS: list[Any] = [
    "vanilla_backprop",
    "layer_gradient_x_activation",
    {"name": "integrated_gradients", "steps": 4},
    {"name": "layer_conductance", "steps": 3},
    {"name": "guided_integrated_gradients", "steps": 4},
    {"name": "smoothgrad", "samples": 3},
    {"name": "occlusion", "window": 3},
    "ablation_cam",
    "score_cam",
    "guided_backprop",
    {"name": "extremal_perturbation", "steps": 2},
]
UNSAFE: list[Any] = ["deeplift", "excitation_backprop", "lrp", {"name": "captum", "algorithm": "Saliency"}]
ERROR = {"amp": 0.15, "bfloat16": 0.15, "float16": 0.03}
"""Of a map's length. A step of bfloat16 is 0.4 %, one of float16 0.05 %; the sign of a unit or the winner of a pool may
change too, which moves single voxels: the medians are 1.5 % and 0.1 %."""


def image_of(dims: int) -> Tensor:
    return torch.randn(2, *SIZES[dims], generator=torch.Generator().manual_seed(0))


def found(maps: te.Attributions) -> Tensor:
    (one,) = maps
    assert one.values is not None, one.reason
    return one.values


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.parametrize(("kind", "dims"), [("classification", 2), ("segmentation", 3)])
@pytest.mark.parametrize("precision", HALF)
def test_every_sweep_is_close_to_float32(precision: Precision, kind: str, dims: int) -> None:
    model, image = build(kind, dims), image_of(dims)
    before = snapshot(model)
    places = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    plain = te.explain(model, image, SWEEPS + UNSAFE, 1, LAYERS)
    narrow = te.explain(model, image, SWEEPS + UNSAFE, 1, LAYERS, precision=precision)
    assert_same(before, snapshot(model))
    assert places == {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    unsafe = {entry if isinstance(entry, str) else entry["name"] for entry in UNSAFE}
    for mine, theirs in zip(narrow, plain, strict=True):
        assert mine.key == theirs.key and mine.status == "ok", (mine.key, mine.reason)
        assert mine.values is not None and theirs.values is not None
        assert mine.values.dtype == torch.float32 and len(mine.warnings) == len(theirs.warnings)
        if mine.method in unsafe:
            assert mine.precision == "float32" and torch.equal(mine.values, theirs.values)
            continue
        assert mine.precision == precision and theirs.values.any() == mine.values.any(), mine.key
        assert not theirs.values.any() or not torch.equal(mine.values, theirs.values), mine.key
        apart, length = float((mine.values - theirs.values).norm()), float(theirs.values.norm())
        assert apart <= ERROR[precision] * length, (mine.key, apart / length)


class Bright(nn.Module):
    """A branch that overflows float16 beside the score; with `inside`, on the way to it, and bfloat16 too."""

    def __init__(self, size: float, *, inside: bool) -> None:
        super().__init__()
        self.size, self.inside = size, inside
        self.side, self.head = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 2, 3)
        nn.init.constant_(self.side.weight, size)

    def forward(self, x: Tensor) -> Tensor:
        side = self.side(x)
        logits: Tensor = self.head(side / self.size if self.inside else x).square().mean((2, 3))
        return logits


ONES = torch.ones(1, 5, 6)


@pytest.mark.parametrize(("precision", "size"), [("float16", 1e6), ("bfloat16", 3.4e38), ("amp", 3.4e38)])
def test_a_network_that_overflows_is_run_in_float32(precision: Precision, size: float) -> None:
    model = Bright(size, inside=True)
    methods: list[Any] = ["vanilla_backprop", {"name": "occlusion", "window": 2}, {"name": "smoothgrad", "samples": 2}]
    plain = te.explain(model, ONES, methods, 1)
    for mine, theirs in zip(te.explain(model, ONES, methods, 1, precision=precision), plain, strict=True):
        assert (mine.status, mine.precision) == ("ok", "float32")
        assert mine.values is not None and theirs.values is not None
        torch.testing.assert_close(mine.values, theirs.values)
        assert mine.warnings[0].startswith(f"done again in float32; in {precision}: ")
        assert "NaN or infinite" in mine.warnings[0]


def test_only_the_task_that_failed_is_run_again() -> None:
    model = Bright(1e6, inside=False)
    maps = te.explain(model, ONES, ["layer_activation", "vanilla_backprop"], 1, ["side", "head"], precision="float16")
    assert [m.precision for m in maps] == ["float16", "float32", "float32"], "both maps of the task, after the others"
    side, head = (maps.select("layer_activation", layer=layer) for layer in ("side", "head"))
    assert side.values is not None and torch.equal(side.values, torch.full((1, 5, 6), 1e6))
    assert side.warnings == ("done again in float32; in float16: ArithmeticError: 30 of 30 values are NaN or infinite",)
    assert head.warnings == () and head.passes == {"forward": 1, "backward": 0}


class Chain(nn.Module):
    """Slopes that change by a factor on the way back, through a layer whose name is `middle`."""

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.factors = factors
        self.first, self.middle, self.head = (nn.Conv2d(1, 1, 3, padding=1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        down, up = self.factors
        logits: Tensor = (self.head(self.middle(self.first(x) * down)) * up).flatten(2).mean(2)
        return torch.cat([logits, -logits], 1)


@pytest.mark.parametrize(("down", "up"), [(1e-2, 1e-3), (1e-4, 1e3), (100.0, 100.0), (1.0, 1e-3)])
def test_small_and_large_slopes_survive_float16(down: float, up: float) -> None:
    torch.manual_seed(0)
    model, image = Chain(down, up), torch.rand(1, 9, 11)
    methods: list[Any] = ["vanilla_backprop", "layer_gradient_x_activation", {"name": "smoothgrad", "samples": 2}]
    plain = te.explain(model, image, methods, 1, ["first", "middle"])
    for mine, theirs in zip(
        te.explain(model, image, methods, 1, ["first", "middle"], precision="float16"), plain, strict=True
    ):
        assert (mine.precision, mine.warnings) == ("float16", ())
        assert mine.values is not None and theirs.values is not None
        largest = float(theirs.values.abs().max())
        torch.testing.assert_close(mine.values, theirs.values, rtol=0.01, atol=0.005 * largest)


@pytest.mark.parametrize("factors", [(1e-5, 1e-4), (0.0, 1.0)])
def test_slopes_that_vanish_are_taken_in_float32(factors: tuple[float, float]) -> None:
    torch.manual_seed(0)
    model, image = Chain(*factors), torch.rand(1, 9, 11)
    plain = found(te.explain(model, image, ["vanilla_backprop"], 1))
    maps = te.explain(model, image, ["vanilla_backprop"], 1, precision="float16")
    assert torch.equal(found(maps), plain)
    assert maps[0].warnings == ("done again in float32; in float16: the gradient vanishes in float16",)


def _ranks(values: Tensor) -> Tensor:
    """How many values are smaller, and half of those that are equal."""
    below, equal = values[:, None] > values, values[:, None] == values
    return below.sum(1).double() + equal.sum(1).double() / 2


@pytest.mark.parametrize("precision", HALF)
def test_agreement_is_that_of_the_ranks(precision: Precision) -> None:
    model, image = build("segmentation", 2), image_of(2)
    methods = ["saliency", "deeplift"]
    plain = found(te.explain(model, image, ["saliency"], 1))
    maps = te.explain(model, image, methods, 1, precision=precision, agreement=True)
    mine = maps["saliency"].values
    assert mine is not None
    ranks = [_ranks(values.flatten()) for values in (mine, plain)]
    by_hand = float(torch.corrcoef(torch.stack(ranks))[0, 1])
    assert maps["saliency"].measures[AGREEMENT] == pytest.approx(by_hand, abs=1e-6)
    assert 0.95 < by_hand <= 1 and maps["saliency"].precision == precision
    assert AGREEMENT not in maps["deeplift"].measures


def test_rank_correlation_of_constants() -> None:
    constant, varied = torch.zeros(4), torch.arange(4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rank_correlation(constant, constant) == 1
        assert torch.tensor(rank_correlation(constant, varied)).isnan()
    assert rank_correlation(varied, varied.square()) == pytest.approx(1)
    assert rank_correlation(varied, -varied) == pytest.approx(-1)


class Pooled(nn.Module):
    """An average over volumes, which the CPU has in float32 only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = nn.functional.avg_pool3d(self.conv(x), 2).flatten(2).mean(2)
        return logits


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_an_operation_that_is_not_there_is_named_with_what_works(precision: Precision) -> None:
    with pytest.raises(PrecisionError) as caught:
        te.explain(Pooled(), torch.rand(1, 4, 4, 4), ["saliency"], 1, precision=precision)
    said = str(caught.value)
    assert said.startswith(f"precision: '{precision}' cannot run this model on 'cpu' (")
    assert "avg_pool3d" in said and said.endswith("it runs in 'float32' or 'amp'")
    maps = te.explain(Pooled(), torch.rand(1, 4, 4, 4), ["saliency"], 1, precision="amp")
    assert (maps[0].status, maps[0].precision) == ("ok", "amp")


@pytest.mark.parametrize("form", ["script", "program"])
def test_weights_of_programs_are_not_converted(form: str) -> None:
    net = build("classification", 2).eval()
    image = image_of(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if form == "script":
            model: Any = torch.jit.trace(net, image[None])  # type: ignore[no-untyped-call]
        else:
            model = torch.export.export(net, (image[None],))
    plain = found(te.explain(model, image, ["saliency"], 1))
    mixed = found(te.explain(model, image, ["saliency"], 1, precision="amp"))
    assert not torch.equal(plain, mixed)
    torch.testing.assert_close(mixed, plain, rtol=0.0, atol=0.1 * float(plain.abs().max()))
    with pytest.raises(ConfigError, match=r"precision: 'bfloat16' converts the weights, and the model is .*'amp'"):
        te.explain(model, image, ["saliency"], 1, precision="bfloat16")


def test_autocast_does_not_act_on_double_weights() -> None:
    with pytest.raises(ConfigError, match="precision: 'amp' does not act on weights in float64"):
        te.explain(build("classification", 2).double(), image_of(2), ["saliency"], 1, precision="amp")


def test_weights_come_back_after_an_error() -> None:
    model = build("classification", 2)
    before = snapshot(model)
    with pytest.raises(te.errors.ModelError, match="refuses an input"):
        te.explain(model, torch.ones(3, 9, 11), ["saliency"], 1, precision="bfloat16")
    assert_same(before, snapshot(model))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", HALF)
def test_on_a_gpu(precision: Precision) -> None:
    model, image = build("segmentation", 3), image_of(3)
    plain = te.explain(model, image, SWEEPS, 1, LAYERS, device="cuda")
    for mine, theirs in zip(
        te.explain(model, image, SWEEPS, 1, LAYERS, device="cuda", precision=precision), plain, strict=True
    ):
        assert (mine.status, mine.precision) == ("ok", precision)
        assert mine.values is not None and theirs.values is not None
        largest = float(theirs.values.abs().max())
        torch.testing.assert_close(mine.values, theirs.values, rtol=0.0, atol=0.1 * largest)
