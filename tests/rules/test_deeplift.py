"""DeepLIFT adds up on every operation it knows, and refuses by name what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_eval
from torch.utils.checkpoint import checkpoint

import torchesegeta as te
from torchesegeta.types import Attribution

from .networks import RELUS, Activation, Net, build, image

BASELINES: list[Any] = ["zero", torch.randn(2, 9, 10, generator=torch.Generator().manual_seed(5)) / 2]
GAP = 1e-5
"""The network runs in float64, the map is float32."""


def explain(model: nn.Module, baseline: Any = "zero", **options: Any) -> Attribution:
    (found,) = te.explain(model, image(), [{"name": "deeplift", "baseline": baseline}], **{"target": 1, **options})
    return found


def _attention(x: Tensor, layer: nn.Module) -> Tensor:
    tokens = x.flatten(2).mT
    mixed = layer(tokens, tokens, tokens) if isinstance(layer, nn.MultiheadAttention) else layer(tokens)
    mixed = mixed[0] if isinstance(mixed, tuple) else mixed
    return mixed.mT.reshape(x.shape)  # type: ignore[no-any-return]


def _seeded(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return make().double().eval()


ATTENTION = _seeded(lambda: nn.MultiheadAttention(4, 2, batch_first=True))
TRANSFORMER = _seeded(lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, activation="gelu"))

SMOOTH: dict[str, Activation] = {
    "PReLU": _seeded(nn.PReLU),
    "LeakyReLU": nn.LeakyReLU(inplace=True),
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(),
    "ELU": nn.ELU(),
    "sigmoid": torch.sigmoid,
    "tanh": lambda x: x.tanh_(),
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "logsigmoid": functional.logsigmoid,
    "instance norm": _seeded(lambda: nn.Sequential(nn.InstanceNorm2d(4, affine=True), nn.ReLU())),
    "instance norm, then in place": lambda x: functional.relu_(functional.instance_norm(x)),
    "group norm": _seeded(lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.GELU())),
    "layer norm": _seeded(lambda: nn.Sequential(nn.LayerNorm([9, 10]), nn.SiLU())),
    "batch norm": _seeded(lambda: nn.BatchNorm2d(4)),
    "relu, then max-pool": lambda x: (
        functional.max_pool2d(x.relu(), 2).repeat_interleave(2, 2)[..., :9, :].repeat(1, 1, 2, 2)[..., :9, :10]
    ),
    "overlapping max-pool": lambda x: functional.max_pool2d(x, 3, 1, 1),
    "max-pool with indices": lambda x: functional.max_pool2d(x, 3, 1, 1, return_indices=True)[0],
    "adaptive max-pool": lambda x: x + functional.adaptive_max_pool2d(x, 1),
    "softmax": lambda x: x.softmax(1),
    "log-softmax": lambda x: functional.log_softmax(x, 1),
    "logsumexp": lambda x: x + x.logsumexp(1, keepdim=True),
    "gate": lambda x: x * torch.sigmoid(x),
    "gate in place": lambda x: x.mul_(x.sigmoid()),
    "quotient": lambda x: x / (1 + x.square()),
    "reciprocal": lambda x: 1 / (2 + x.abs()),
    "roots": lambda x: (x.square() + 1).sqrt() + (x.square() + 1).rsqrt(),
    "powers": lambda x: x**3 + (1 + x.square()) ** 0.3,
    "exp and log": lambda x: (1 + (0.1 * x).exp()).log(),
    "einsum": lambda x: torch.einsum("bchw,bdhw->bcd", x, x).softmax(-1).mean(-1)[..., None, None] * x,
    "attention": lambda x: _attention(x, ATTENTION),
    "transformer": lambda x: _attention(x, TRANSFORMER),
    "fused attention": lambda x: functional.scaled_dot_product_attention(x, 2 * x, x, is_causal=True),
    "checkpoint": lambda x: checkpoint(functional.gelu, x, use_reentrant=False),
}


@pytest.mark.parametrize("baseline", BASELINES, ids=["zero", "noise"])
@pytest.mark.parametrize("name", [*RELUS, *SMOOTH])
def test_complete(name: str, baseline: Any) -> None:
    activation = RELUS.get(name) or SMOOTH[name]
    found = explain(build(activation).double(), baseline)
    assert found.status == "ok", found.reason
    assert found.measures["completeness_gap"] < GAP


@pytest.mark.parametrize("name", RELUS)
def test_relu_in_disguise(name: str) -> None:
    torch.testing.assert_close(explain(build(RELUS[name])).values, explain(build(nn.ReLU())).values)


@pytest.mark.parametrize("dims", [2, 3])
def test_layers_and_scores(dims: int) -> None:
    """Every layer carries the whole change, also where the score is a probability."""
    model = build(nn.ReLU(), dims).double()
    target = {"kind": "class", "classes": [1], "score": "probability"}
    methods = [{"name": n, "baselines": ["zero", "blur", "minimum"]} for n in ("deeplift_shap", "layer_deeplift_shap")]
    maps = te.explain(model, image(dims), methods, target, ["activation#1", "head"], activation="softmax")
    assert maps["deeplift_shap"].measures["completeness_gap"] < GAP
    assert [abs(m.measures["score_share"] - 1) < GAP for m in maps if m.layer] == [True, True]
    assert maps["deeplift_shap"].matched == {"relu": 2, f"max_pool{dims}d": 1, "pow": 1}


def test_linear_model_gives_weight_times_difference() -> None:
    weight = torch.randn(3, 180, generator=torch.Generator().manual_seed(2))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(180, 3))
    linear[1].weight.data = weight
    found = explain(linear, 0.5)
    torch.testing.assert_close(found.values, weight[1].view(2, 9, 10) * (image() - 0.5))


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (lambda x: x + x.amax(1, keepdim=True), "Amax"),
        (lambda x: x / x.std(), "Std"),
        (lambda x: x.abs().pow(x), "Pow"),
        (lambda x: torch.where(x > 1, x, 2 * x), "Where"),
        (lambda x: torch.sort(x)[0], "Sort"),
        (lambda x: x.cumprod(1), "Cumprod"),
        (lambda x: torch.maximum(x, 0.1 + 0 * x), "Maximum"),
    ],
)
def test_operations_without_a_rule_are_refused_by_name(activation: Activation, name: str) -> None:
    found = explain(build(activation))
    assert found.status == "incompatible" and f"DeepLIFT has no rule for {name} (2×)" in str(found.reason)


def test_attention_that_is_written_out_wrongly_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchesegeta.rules.rescale.attention.sqrt", lambda width: width)
    assert "changed the model's output" in str(explain(build(SMOOTH["fused attention"])).reason)


def test_rounding_is_measured_only_where_it_may_be_blown_up() -> None:
    flat = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(168, 2))
    assert set(explain(flat).measures) == {"completeness_gap"}
    assert set(explain(build(nn.InstanceNorm2d(4))).measures) == {"completeness_gap", "baseline_noise"}


REFUSED_APART = {
    "softsign": "div of two activations",
    "instance norm": "NativeBatchNorm",
    "instance norm, then in place": "NativeBatchNorm",
    "group norm": "NativeGroupNorm",
    "layer norm": "NativeLayerNorm",
    "softmax": "Softmax",
    "log-softmax": "LogSoftmax",
    "logsumexp": "Logsumexp",
    "gate": "mul of two activations",
    "gate in place": "mul of two activations",
    "quotient": "div of two activations",
    "reciprocal": "Reciprocal",
    "roots": "Sqrt",
    "powers": "Pow",
    "exp and log": "Log",
    "einsum": "mul of two activations",
    "attention": "Softmax",
    "transformer": "NativeLayerNorm",
    "fused attention": "ScaledDotProduct",
}
"""Where nothing is defined for parts."""
SIGNED: dict[str, Activation] = {
    "difference": lambda x: x.relu() - 0.5 * x,
    "difference in place": lambda x: x.relu().sub_(x),
    "taken from a number": lambda x: (1 - x).relu() - x,
    "negative factor": lambda x: (-2 * x).relu() + x,
    "negation": lambda x: (-x).relu() + x,
    "quotient by a number": lambda x: (x / -3).relu() + x,
    "buffer of both signs": lambda x: (x * torch.linspace(-1, 1, x.shape[-1]).to(x)).relu() + x,
    "nearest voxels": lambda x: functional.interpolate(x[..., ::2, ::2], size=x.shape[2:]) + x,
}


@pytest.mark.parametrize("baseline", BASELINES, ids=["zero", "noise"])
@pytest.mark.parametrize("name", [*RELUS, *SMOOTH, *SIGNED])
def test_complete_in_parts(name: str, baseline: Any) -> None:
    activation = {**RELUS, **SMOOTH, **SIGNED}[name]
    method = {"name": "deeplift", "rule": "reveal_cancel", "baseline": baseline}
    (found,) = te.explain(build(activation).double(), image(), [method], 1)
    if name in REFUSED_APART:
        assert found.status == "incompatible" and REFUSED_APART[name] in str(found.reason), found.reason
    else:
        assert found.status == "ok" and found.measures["completeness_gap"] < GAP, found.reason


@pytest.mark.parametrize(("dims", "batch"), [(2, 1), (3, 2)])
def test_every_layer_carries_both_parts(dims: int, batch: int) -> None:
    model = build(nn.ReLU(), dims).double()
    method = {"name": "layer_deeplift_shap", "rule": "reveal_cancel", "baselines": ["zero", "blur"][:batch]}
    maps = te.explain(model, image(dims), [method], [0, 1], ["activation#1", "head"])
    assert all(abs(m.measures["score_share"] - 1) < GAP for m in maps) and len(maps) == 4
    assert {tuple(m.passes.values()) for m in maps} == {(1 + 6 * batch, 2 * 3 * batch)}


class _Minimum(nn.Module):
    """i₁ − relu(i₁ − i₂), the smaller of two inputs: the paper's example."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = x[:, :1], x[:, 1:]
        return (first - (first - second).relu()).flatten(2).sum(2)


def test_minimum_is_shared_by_both_inputs() -> None:
    """Where rescale gives all of it to one."""
    both = torch.tensor([[[2.0, 1.0, 3.0]], [[1.0, 4.0, 3.0]]])
    for rule, shares in (("reveal_cancel", [[0.5, 0.5, 1.5]] * 2), ("rescale", [[0, 1, 3], [1, 0, 0]])):
        (found,) = te.explain(_Minimum(), both, [{"name": "deeplift", "rule": rule}], target=1)
        torch.testing.assert_close(found.values, torch.tensor(shares, dtype=torch.float32)[:, None])


class _Joined(nn.Module):
    """Two branches, one taken from the other."""

    def __init__(self, first: nn.Module, other: nn.Module, last: nn.Module, factor: float) -> None:
        super().__init__()
        self.first, self.other, self.last, self.factor = first, other, last, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).mul_(self.factor) - self.other(x))  # type: ignore[no-any-return]


def test_linear_operations_after_a_convolution_are_part_of_it() -> None:
    """Batch norms and factors of either sign, folded into the weights before them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        conv, other, norm = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3).eval()
        norm.weight.data = torch.tensor([-1.5, 0.7, -0.2])
        last = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(60, 2)).eval()
    folded = fuse_conv_bn_eval(conv.eval(), norm)
    for parameter in folded.parameters():
        parameter.data *= -2
    models = _Joined(nn.Sequential(conv, norm), other, last, -2), _Joined(folded, other, last, 1)
    asked = [{"name": "deeplift", "rule": "reveal_cancel", "baseline": BASELINES[1]}]
    (mine,), (plain,) = (te.explain(model, image(), asked, 1) for model in models)
    assert mine.matched["batch_norm"] == 1
    torch.testing.assert_close(mine.values, plain.values)


def test_parts_that_are_taken_apart_wrongly_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchesegeta.rules.reveal_cancel._exchanged", lambda rows: 1.1 * rows)
    method = {"name": "deeplift", "rule": "reveal_cancel"}
    (found,) = te.explain(build(SIGNED["negation"]), image(), [method], 1)
    assert "changed the model's output" in str(found.reason)


def test_a_program_of_one_point_is_refused_in_parts() -> None:
    program = torch.export.export(build(nn.ReLU()).eval(), (image()[None],)).module()
    (found,) = te.explain(program, image(), [{"name": "deeplift", "rule": "reveal_cancel"}], 1)
    assert "takes one at a time" in str(found.reason)


def test_batch_norm_without_statistics_is_refused() -> None:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    assert "batch norm without running statistics" in str(explain(build(norm)).reason)


def test_baseline_that_takes_another_path_is_refused() -> None:
    def branching(x: Tensor) -> Tensor:
        return x.relu() if bool(x.std() > 0.5) else x.sigmoid()

    model = build(branching)
    model.first.weight.data *= 5
    assert "takes another path" in str(explain(model, BASELINES[1] * 0).reason)


def test_methods_share_and_targets_agree() -> None:
    model: Net = build(nn.GELU())
    asked: list[Any] = ["deeplift", {"name": "deeplift_shap", "baselines": ["zero"]}, "layer_deeplift"]
    both = te.explain(model, image(), asked, target=[0, 2], layers=["second"])
    assert {tuple(m.passes.values()) for m in both} == {(3, 2)}
    for m in both:
        (alone,) = te.explain(model, image(), [m.method], target=m.target_index, layers=["second"])
        torch.testing.assert_close(m.values, alone.values)


def test_baseline_that_norms_blow_up_is_said_aloud() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stages = [layer for _ in range(3) for layer in (nn.Conv2d(2, 2, 1), nn.InstanceNorm2d(2))]
        model = nn.Sequential(*stages, nn.Flatten(), nn.Linear(180, 3))
    constant, noisy = explain(model, 0.1), explain(model, BASELINES[1])
    assert constant.measures["baseline_noise"] > 0.01 > 100 * noisy.measures["baseline_noise"]
    assert any("ill-conditioned" in warning for warning in constant.warnings)
    assert not any("ill-conditioned" in warning for warning in noisy.warnings)


def test_gap_is_said_aloud() -> None:
    def hidden(x: Tensor) -> Tensor:
        return x * (x > 0.3)

    found = explain(build(hidden))
    assert found.measures["completeness_gap"] > 1e-3
    assert any("misses the score's change" in warning for warning in found.warnings)


@pytest.mark.parametrize("activation", [nn.ReLU(inplace=True), nn.GELU()], ids=["relu", "gelu"])
def test_exported_program_equals_its_source(activation: nn.Module) -> None:
    """Its operators are `aten` ones, its batch size is fixed and its mode too."""
    model = build(activation).eval()
    program = torch.export.export(model, (image()[None],)).module()
    asked: list[Any] = ["guided_backprop", {"name": "deeplift_shap", "baselines": ["zero", "blur"]}, "saliency"]
    for mine, plain in zip(te.explain(program, image(), asked, 1), te.explain(model, image(), asked, 1), strict=True):
        assert mine.status == "ok", mine.reason
        torch.testing.assert_close(mine.values, plain.values)
        assert mine.matched == plain.matched
