"""Excitation backpropagation and LRP: sums kept, operations in every disguise, refusals by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.types import Attribution

from .networks import RELUS, build, image

Forward = Callable[[Tensor], Tensor]

AT_IMAGE = {"name": "excitation_backprop", "layers": []}
KEPT = {**AT_IMAGE, "lost": "keep"}


class Wrapped(nn.Module):
    """A network made of a function, and the modules that it uses."""

    def __init__(self, run: Forward, **modules: nn.Module) -> None:
        super().__init__()
        self.run, self.parts = run, nn.ModuleDict(modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)


def explain(model: nn.Module, x: Tensor, method: Any, **options: Any) -> Attribution:
    (found,) = te.explain(model.eval(), x, [method], **{"target": 1, **options})
    return found


def values(model: nn.Module, x: Tensor, method: Any, **options: Any) -> Tensor:
    found = explain(model, x, method, **options)
    assert found.values is not None, found.reason
    return found.values


def refusal(model: nn.Module, x: Tensor, method: Any, **options: Any) -> str:
    found = explain(model, x, method, **options)
    assert found.status == "incompatible"
    return str(found.reason)


def positive(dims: int = 2, channels: int = 2) -> Tensor:
    return torch.rand(channels, *(8, 10, 6)[:dims], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("method", [AT_IMAGE, {"name": "lrp"}], ids=lambda m: str(m["name"]))
@pytest.mark.parametrize("name", RELUS)
def test_relu_in_disguise(name: str, method: Any) -> None:
    """The network has a skip connection, a function that is called twice, a max-pool and a square."""
    torch.testing.assert_close(values(build(RELUS[name]), image(), method), values(build(nn.ReLU()), image(), method))


def operations(dims: int) -> dict[str, Forward]:
    conv: Any = (nn.Conv2d, nn.Conv3d)[dims - 2]
    up: Any = (nn.ConvTranspose2d, nn.ConvTranspose3d)[dims - 2]
    average: Any = (functional.avg_pool2d, functional.avg_pool3d)[dims - 2]
    adaptive: Any = (functional.adaptive_avg_pool2d, functional.adaptive_avg_pool3d)[dims - 2]
    largest: Any = (functional.max_pool2d, functional.max_pool3d)[dims - 2]
    smooth = ("bilinear", "trilinear")[dims - 2]
    made = {
        "strided": conv(2, 4, 3, stride=2, padding=1),
        "dilated": conv(2, 4, 3, dilation=2, padding=2),
        "grouped": conv(2, 4, 3, groups=2, padding=1),
        "transposed": up(2, 4, 2, stride=2),
        "transposed in groups": up(2, 4, 3, stride=2, padding=1, groups=2),
    }
    once, unpadded = conv(2, 2, 3, padding=1), conv(2, 2, 3)
    batch: Any = (nn.BatchNorm2d, nn.BatchNorm3d)[dims - 2](2).eval()
    nn.init.uniform_(batch.weight, -1, 1), nn.init.uniform_(batch.bias), nn.init.uniform_(batch.running_mean)
    group, instance = nn.GroupNorm(2, 2), (nn.InstanceNorm2d, nn.InstanceNorm3d)[dims - 2](2, affine=True)

    def written_over(x: Tensor) -> Tensor:
        y = x.clone()
        y[:, :1] = once(x)[:, :1]
        return y

    return {
        **made,
        "average": lambda x: average(x, 2),
        "adaptive": lambda x: adaptive(x, 3),
        "largest": lambda x: largest(x, 2),
        "nearest": lambda x: functional.interpolate(x, scale_factor=2),
        "linear": lambda x: functional.interpolate(x, scale_factor=2, mode=smooth),
        "concatenated": lambda x: torch.cat([once(x), x], 1),
        "added": lambda x: once(x) + x,
        "added in place": lambda x: once(x).add_(x),
        "subtracted": lambda x: once(x) - 0.5 * x,
        "scaled": lambda x: x * torch.tensor([0.5, 2.0]).view(1, 2, *[1] * dims) / 3,
        "turned": lambda x: 1 - once(x),
        "padded": lambda x: functional.pad(x, (1, 2) * dims, mode="reflect"),
        "padded by hand": lambda x: unpadded(functional.pad(x - 0.5, (1, 1) * dims)),
        "written over": written_over,
        "batch norm": lambda x: batch(once(x)),
        "group norm": lambda x: group(once(x)),
        "instance norm": lambda x: instance(once(x)),
        "layer norm": lambda x: functional.layer_norm(once(x), x.shape[2:]),
        "gated": lambda x: once(x) * x.mean(tuple(range(2, dims + 2)), keepdim=True).sigmoid().expand_as(x),
        "swish by hand": lambda x: x * x.sigmoid(),
        "dropout": lambda x: functional.dropout(once(x), 0.5, training=False),
        "weights on the left": lambda x: torch.full((3, x.shape[-2]), 0.3) @ x,
    }


def network(name: str, dims: int) -> nn.Module:
    """One operation, a ReLU and a head whose weights are positive and whose bias is zero."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        operation = operations(dims)[name]
        channels = operation(positive(dims)[None]).shape[1]
        head = nn.Linear(channels, 3)
        head.weight.abs_(), head.bias.zero_()

    def run(x: Tensor) -> Tensor:
        scores: Tensor = head(operation(x).relu().flatten(2).mean(2))
        return scores

    return Wrapped(run, head=head)


NAMES = list(operations(2))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_sums_are_kept(name: str, dims: int) -> None:
    """The mass is 1 where nothing can be lost; relevance without biases adds up to the score."""
    model, x = network(name, dims), positive(dims)
    kept = explain(model, x, KEPT)
    assert kept.values is not None, kept.reason
    assert float(kept.values.sum()) == pytest.approx(1, abs=1e-4)
    relevance = explain(model, x, {"name": "lrp", "composite": [{"rule": "flat", "at": "first"}], "epsilon": 1e-12})
    assert relevance.values is not None, relevance.reason
    assert float(relevance.values.sum()) == pytest.approx(float(model(x[None])[0, 1].detach()), rel=1e-4)


def _folded(dims: int) -> tuple[nn.Module, nn.Module]:
    """A convolution with a batch norm, some of whose factors are negative, and the two as one convolution."""
    conv: Any = (nn.Conv2d, nn.Conv3d)[dims - 2]
    norm: Any = (nn.BatchNorm2d, nn.BatchNorm3d)[dims - 2]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        first, head, batch, one = conv(2, 4, 3), nn.Linear(4, 3), norm(4).eval(), conv(2, 4, 3)
        batch.weight.copy_(torch.tensor([-1.5, 0.5, -0.3, 2.0])), batch.bias.uniform_(-1, 1)
        batch.running_mean.uniform_(-1, 1), batch.running_var.uniform_(0.5, 2)
        factor = batch.weight / (batch.running_var + batch.eps).sqrt()
        one.weight.copy_(first.weight * factor.view(-1, *[1] * (dims + 1)))
        one.bias.copy_((first.bias - batch.running_mean) * factor + batch.bias)

    def tail(y: Tensor) -> Tensor:
        scores: Tensor = head(y.relu().flatten(2).mean(2))
        return scores

    return Wrapped(lambda x: tail(batch(first(x))), batch=batch), Wrapped(lambda x: tail(one(x)))


FOLDED = [AT_IMAGE, KEPT, *({"name": "lrp", "rule": r} for r in ("epsilon", "zplus", "gamma", "alpha_beta", "flat"))]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", FOLDED, ids=str)
def test_batch_norm_is_as_good_as_folded(method: Any, dims: int) -> None:
    apart, folded = _folded(dims)
    torch.testing.assert_close(
        values(apart, positive(dims), method), values(folded, positive(dims), method), rtol=1e-4, atol=1e-6
    )


def test_norm_is_not_merged_where_the_sum_is_read_elsewhere() -> None:
    """What comes over the skip connection is relevance of the sum itself."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        conv, norm = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2).eval()

    def run(x: Tensor) -> Tensor:
        y = conv(x)
        return torch.cat([norm(y).relu(), y.relu()], 1).flatten(2).mean(2)

    relevance = values(Wrapped(run), positive(), {"name": "lrp", "rule": "epsilon", "epsilon": 1e-12}, target=2)
    plain = values(Wrapped(lambda x: conv(x).relu().flatten(2).mean(2)), positive(), "input_x_gradient", target=0)
    torch.testing.assert_close(relevance, plain, rtol=1e-4, atol=1e-7)


def test_epsilon_is_the_gradient_times_the_input_on_relus_without_bias() -> None:
    """Ancona et al. 2018, proposition 3."""
    model: Any = build(nn.ReLU())
    with torch.no_grad():
        for module in (model.first, model.second, model.head):
            module.bias.zero_()
    shallow = Wrapped(lambda x: model.head(model.second(model.first(x).relu()).relu().flatten(2).mean(2)))
    relevance = values(shallow, image(), {"name": "lrp", "rule": "epsilon", "epsilon": 1e-12})
    torch.testing.assert_close(relevance, values(shallow, image(), "input_x_gradient"), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha_beta"])
def test_lrp_as_in_captum(rule: str) -> None:
    """On a chain that Captum has rules for; its alpha-1-beta-0 rule takes inputs for positive, so ours gets such."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        convolutions: list[Any] = [nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3)]
        model = nn.Sequential(
            convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
    rules: Any = {"epsilon": EpsilonRule, "gamma": GammaRule, "alpha_beta": Alpha1_Beta0_Rule}[rule]
    for module in model:
        module.rule = rules() if module in convolutions else EpsilonRule()
    if rule != "epsilon":
        for convolution in convolutions:
            nn.init.zeros_(convolution.bias)
    mine = values(model, positive(), {"name": "lrp", "rule": rule, "epsilon": 1e-9, "alpha": 1.0})
    theirs = LRP(model).attribute(positive()[None].requires_grad_(), target=1)[0].detach()
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)


def test_refusals() -> None:
    product = build(lambda x: x * x.flip(2))
    assert "no rule for Mul" in refusal(product, image(), AT_IMAGE)
    assert "no rule for Mul" in refusal(product, image(), "lrp")
    relu = build(nn.ReLU())
    probability = {"kind": "class", "classes": [1], "score": "probability"}
    assert "explain logits" in refusal(relu, image(), AT_IMAGE, target=probability)
    assert "explain logits" in refusal(relu, image(), "lrp", target=probability)
    assert "go down to" in refusal(relu, image(), {**AT_IMAGE, "negative": "refuse"})
    contrast = {"name": "contrastive_excitation_backprop", "layers": ["second"], "contrast_layer": "first"}
    assert "does not depend on layer 'second'" in refusal(relu, image(), contrast)
    with pytest.raises(ConfigError, match=r"methods\[0\]\.contrast_layer: layer 'firs' .* nearest: 'first'"):
        te.explain(relu, image(), [{**contrast, "contrast_layer": "firs"}], 1)


@pytest.mark.parametrize("method", ["excitation_backprop", "contrastive_excitation_backprop", "lrp"])
def test_attention_is_refused_by_name(method: str) -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True).eval()
    model = build(lambda x: layer(x.flatten(2).mT).mT.reshape(x.shape))
    options = {} if method == "lrp" else {"layers": ["first"]}
    assert "attention" in refusal(model, image(), method, **options)


def test_negative_class_of_a_single_channel() -> None:
    """The score of class 0 is −logit: its winners are those of a network whose last weights are turned round."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        conv, head = nn.Conv2d(2, 4, 3), nn.Linear(4, 1)

    def network(sign: int) -> nn.Module:
        return Wrapped(lambda x: functional.linear(conv(x).relu().mean((2, 3)), sign * head.weight.detach()), conv=conv)

    single = {"activation": "sigmoid"}
    mine = values(network(1), positive(), AT_IMAGE, target=0, **single)
    torch.testing.assert_close(mine, values(network(-1), positive(), AT_IMAGE, target=1, **single))


def test_mass_and_gap_are_recorded() -> None:
    found = explain(build(nn.ReLU()), image(), AT_IMAGE)
    assert found.values is not None
    assert found.measures["mass"] == pytest.approx(float(found.values.sum()))
    assert found.matched["conv2d"] == 2 and found.matched["relu"] == 2
    found = explain(build(nn.ReLU()), image(), "lrp")
    assert found.values is not None
    score = float(build(nn.ReLU())(image()[None])[0, 1].detach())
    assert found.measures["conservation_gap"] == pytest.approx(abs(float(found.values.sum()) / score - 1), rel=1e-3)
