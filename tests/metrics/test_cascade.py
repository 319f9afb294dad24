"""Cascading randomisation: order, copies, draws, and who notices that the weights are gone."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.metrics.similarity import MEASURES, both_zero, hog, similarities, ssim
from torchesegeta.sweeps import Cascade, Runner, Session, prepared
from torchesegeta.sweeps.cascade import Order
from torchesegeta.sweeps.random_weights import randomise
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

from .nets import SIZES, Classifier, Segmenter, image
from .plugins import add_edges

GRADIENTS = ["saliency", "vanilla_backprop", "input_x_gradient", "gradcam", "hires_cam"]


@contextmanager
def session_of(net: nn.Module, x: Tensor, target: Any = 1) -> Iterator[Session]:
    with prepared(net, torch.device("cpu"), 0) as ready:
        yield Session(Runner(ready, torch.device("cpu")), Image(x), parse_target(target))


class Backwards(nn.Module):
    """Declares its layers in the reverse of the order in which it runs them, and has an embedding of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.norm, self.first = nn.Linear(4, 3), nn.BatchNorm2d(4), nn.Conv2d(1, 4, 3)
        self.embedding = nn.Parameter(torch.ones(1, 1, 9, 11))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(self.first(x * self.embedding)).tanh().mean((2, 3)))
        return logits


def test_the_order_is_that_of_execution() -> None:
    with session_of(Backwards().eval(), image()) as session:
        names = [group for group in Cascade(most=None).groups(session)]
        assert names == [("head",), ("norm",), ("first",), ("",)]
        assert Cascade("bottom_up").groups(session) == names[::-1]
        assert Cascade(most=2).groups(session) == [("head", "norm"), ("first", "")]


@pytest.mark.parametrize("fresh", ["initial", "normal", "permuted"])
@pytest.mark.parametrize("order", ["cascading", "independent", "bottom_up"])
def test_each_step_changes_its_own_layers_on_a_copy(order: Any, fresh: Any) -> None:
    net = Backwards().eval()
    for p in net.parameters():
        nn.init.uniform_(p, 0.5, 1)  # nothing is what it is initialised with
    net.norm.load_state_dict({"running_mean": torch.rand(4), "running_var": 1 + torch.rand(4)}, strict=False)
    before = copy.deepcopy(net.state_dict())
    done: list[str] = []
    with session_of(net, image()) as session:
        cascade = Cascade(order, None, fresh)
        for group, other in zip(cascade.groups(session), cascade.steps(session)[1], strict=False):
            done = [*(done if order != "independent" else []), *group]
            for name, value in other.alone.model.state_dict().items():
                changed = not torch.equal(value, before[name])
                owner = name.rpartition(".")[0]
                assert changed == (owner in done and "num_batches" not in name), f"{group}: {name}"
            assert other.bound is session.bound
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("error", [None, RuntimeError("gone wrong"), MemoryError("full"), KeyboardInterrupt()])
def test_the_model_is_as_it_was_whatever_happens(
    error: BaseException | None, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, buffers and modes too, where the cascade ends, fails in its second step, or is interrupted there."""
    net, x = Segmenter().train(), image()
    net.norm.load_state_dict(
        {"running_mean": torch.linspace(-0.1, 0.1, 4), "running_var": torch.linspace(1, 2, 4)}, strict=False
    )
    frozen = dict(net.named_parameters())["head.bias"].requires_grad_(False)
    maps = te.explain(net, x, ["saliency", "guided_backprop"], target=1, precision=precision)
    before, tensors = copy.deepcopy(net.state_dict()), [p.data_ptr() for p in net.parameters()]
    drawn: list[str] = []

    def draw(module: nn.Module, fresh: Any, key: str, known: set[int]) -> None:
        drawn.append(key)
        if error is not None and len(drawn) > 1:
            raise error
        randomise(module, fresh, key, known)

    monkeypatch.setattr("torchesegeta.sweeps.cascade.randomise", draw)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            te.evaluate(net, x, maps, "cascading_randomisation")
    else:
        scores = te.evaluate(net, x, maps, "cascading_randomisation")
        assert {score.status for score in scores} == {"ok" if error is None else "failed"}
    assert len(drawn) == (3 if error is None else 2)
    after = net.state_dict()
    assert all(torch.equal(value, before[name]) and value.dtype == before[name].dtype for name, value in after.items())
    assert [p.data_ptr() for p in net.parameters()] == tensors, "the same memory"
    assert all(module.training for module in net.modules()) and not frozen.requires_grad
    assert net.head.weight.requires_grad and all(p.grad is None for p in net.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_weights_do_not_depend_on_the_order_or_on_what_else_is_drawn() -> None:
    found: dict[str, dict[str, Tensor]] = {}
    orders: list[Order] = ["cascading", "bottom_up", "independent"]
    for order in orders:
        with session_of(Backwards().eval(), image()) as session:
            states = [copy.deepcopy(o.alone.model.state_dict()) for o in Cascade(order).steps(session)[1]]
            groups = Cascade(order).groups(session)
        found[order] = {g[0]: states[i]["first.weight"] for i, g in enumerate(groups) if g == ("first",)}
    first = [weights["first"] for weights in found.values()]
    assert all(torch.equal(first[0], other) for other in first[1:])


def test_shared_weights_are_drawn_once() -> None:
    first, second = nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)
    second.weight = first.weight
    net = nn.Sequential(first, second, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)).eval()
    with session_of(net, image()) as session:
        steps = [copy.deepcopy(o.alone.model.state_dict()) for o in Cascade().steps(session)[1]]
    assert torch.equal(steps[1]["0.weight"], steps[1]["1.weight"])
    assert torch.equal(steps[1]["1.weight"], steps[2]["1.weight"])


def test_a_cascade_of_five_methods_costs_the_sweeps_of_one() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, GRADIENTS, target=1, layers="second")
    found = te.evaluate(net, x, maps, "cascading_randomisation")
    steps = 3
    assert [score.status for score in found] == ["ok"] * 5
    for score in found:
        assert len(score.steps) == len(score.curves["ssim"]) == steps + 1
        binding_and_order = 2
        assert score.passes == {"forward": steps + binding_and_order, "backward": steps}


def test_ten_methods_over_ten_layers_cost_ten_sweeps() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)  # of some weights a CAM is zero everywhere, and there is nothing to judge
        layers = [part for n in range(9) for part in (nn.Conv2d(1 if n == 0 else 2, 2, 3, padding=1), nn.Tanh())]
        net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)).eval()
    more = ["layer_gradient_x_activation", "linear_approximation", "layer_gradcam", "layer_cam", "xgrad_cam"]
    maps = te.explain(net, image(), [*GRADIENTS, *more], target=1, layers="4")
    found = te.evaluate(net, image(), maps, "cascading_randomisation")
    assert len(found) == 10 and all(len(score.steps) == 10 + 1 for score in found)
    assert {(s.passes["forward"], s.passes["backward"]) for s in found} == {(10 + 2, 10)}


def test_the_target_stays_that_of_the_original() -> None:
    net, x = Segmenter(), image()
    maps = te.explain(net, x, ["vanilla_backprop"], target={"kind": "multiclass"})
    found = te.evaluate(net, x, maps, "cascading_randomisation")
    assert {s.target for s in found} == {m.target for m in maps} and all(s.status == "ok" for s in found)


@pytest.fixture
def edges(monkeypatch: pytest.MonkeyPatch) -> str:
    return add_edges(monkeypatch)


def test_a_method_that_ignores_the_weights_is_caught(edges: str) -> None:
    net, x = Classifier(dims=3), image(3)
    maps = te.explain(net, x, [edges, "vanilla_backprop"], target=1)
    blind, honest = te.evaluate(net, x, maps, "cascading_randomisation")
    assert blind.value == 1 and all(value == 1 for curve in blind.curves.values() for value in curve)
    assert honest.value is not None and honest.value < 0.6


class Shut(nn.Module):
    """Guided backpropagation is zero everywhere behind negative weights, as half of those drawn anew are."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.relu(self.second(torch.relu(self.first(x))))).mean((2, 3))
        return logits


def test_a_map_that_vanishes_is_neither_like_nor_unlike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the same everywhere has no similarity, not that of an empty picture; and it is said at which steps."""

    def drawn(module: nn.Module, fresh: Any, key: str, known: set[int]) -> None:
        with torch.no_grad():
            for p in module._parameters.values():
                if p is not None:
                    p.copy_(p - 9 if key.endswith("second") else 1.1 * p + 0.01)

    net, x = Shut().eval(), image().abs()
    for p in net.parameters():
        nn.init.uniform_(p, 0.5, 1, generator=torch.Generator().manual_seed(p.numel()))
    with torch.no_grad():
        dict(net.first.named_parameters())["bias"].copy_(torch.tensor([-0.3, -0.8]))
    maps = te.explain(net, x, ["guided_backprop"], target=1)
    monkeypatch.setattr("torchesegeta.sweeps.cascade.randomise", drawn)
    (score,) = te.evaluate(net, x, maps, "cascading_randomisation")
    assert score.steps == ("original", "head", "second", "first")
    for curve in score.curves.values():
        assert curve[1] > 0.5 and all(math.isnan(value) for value in curve[2:])
    assert not any(name.endswith("_last") for name in score.measures)
    assert score.warnings[-1].startswith("at 2 of 3 steps (second, first) the map is the same everywhere")
    assert all(math.isnan(v) for v in similarities(maps[0].values, torch.zeros(1, *SIZES[2])).values())  # type: ignore[arg-type]


def test_any_metric_runs_over_the_cascade() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency", "layer_activation"], target=1, layers="second")
    also: list[Any] = ["gini", {"name": "infidelity", "samples": 3}, {"name": "sensitivity", "samples": 1}]
    found = te.evaluate(net, x, maps, {"name": "cascading_randomisation", "metrics": also})
    scores = {score.label: score for score in found}
    wanted = te.evaluate(net, x, maps[0], also)
    for score in wanted:
        curve = scores[score.label].curves[score.metric]
        assert len(curve) == 4 and curve[0] == pytest.approx(score.value)
    assert "gini" in scores["layer_activation"].curves
    assert all(math.isnan(value) for value in scores["layer_activation"].curves["infidelity"])
    with session_of(net, x) as session:
        *_, last = Cascade().steps(session)[1]
        again = te.explain(last.alone.model, x, "saliency", target=1)
        (value,) = te.evaluate(last.alone.model, x, again, "gini")
    assert scores["saliency"].curves["gini"][-1] == pytest.approx(value.value)


def test_metrics_over_the_cascade_are_checked() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    with pytest.raises(ConfigError, match="nearest: 'gini'"):
        te.evaluate(net, x, maps, {"name": "cascading_randomisation", "metrics": ["ginny"]})
    with pytest.raises(ConfigError, match="cascade within a cascade"):
        te.evaluate(net, x, maps, {"name": "cascading_randomisation", "metrics": ["cascading_randomisation"]})


def test_similarities_know_their_ends() -> None:
    a = torch.randn(2, 20, 21, generator=torch.Generator().manual_seed(0))
    assert similarities(a, a) == {name: pytest.approx(1) for name in MEASURES}
    assert similarities(a, 3 * a) == {name: pytest.approx(1, abs=1e-6) for name in MEASURES}
    negated = similarities(a, -a)
    assert negated["spearman"] == pytest.approx(-1) and negated["spearman_absolute"] == pytest.approx(1)
    other = torch.randn(2, 20, 21, generator=torch.Generator().manual_seed(1))
    assert all(abs(value) < 0.2 for value in similarities(a, other).values())


def test_an_empty_surrounding_makes_no_maps_alike() -> None:
    found, other = torch.zeros(2, 1, 20, 21).unbind()
    found[0, 6:14, 6:14] = torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    other[0, 6:14, 6:14] = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    alike = similarities(found, other)
    assert alike["spearman_absolute"] > 0.8 and abs(alike["spearman_inside"]) < 0.3
    assert abs(alike["spearman_absolute_inside"]) < 0.3
    inside = [x[0, 6:14, 6:14].abs().flatten().numpy() for x in (found, other)]
    assert alike["spearman_absolute_inside"] == pytest.approx(spearmanr(*inside).statistic)
    assert both_zero(found, other) == pytest.approx(1 - 64 / 420)
    assert math.isnan(similarities(torch.zeros(1, 9, 9), torch.zeros(1, 9, 9))["spearman_inside"])


def test_the_value_of_a_region_leaves_out_what_no_map_can_see() -> None:
    """A few voxels are explained, whose maps are 0 in most of the image: what is alike there is told, and no value."""
    net, x = Segmenter(), image()
    few = torch.zeros(SIZES[2], dtype=torch.bool)
    few[3:5, 4:6] = True
    maps = te.explain(net, x, ["vanilla_backprop"], target={"kind": "region", "class": 1, "mask": few})
    wanted: list[Any] = ["cascading_randomisation", {"name": "smooth_mprt", "samples": 2}, "random_logit"]
    cascade, smooth, other = te.evaluate(net, x, maps, wanted)
    for score in (cascade, smooth):
        curve = score.curves["spearman_absolute_inside"][1:]
        mean = sum(curve) / len(curve)
        assert score.value == pytest.approx(mean) and mean < score.measures["spearman_absolute"]
    for score in (cascade, smooth, other):
        assert score.measures["both_zero"] == pytest.approx(1 - 16 / 99), "the reach of a 3×3 convolution"
        assert len(score.warnings) == 1 and score.warnings[0].startswith("84% of the values are 0 in both maps")
    whole = te.explain(Classifier(), x, ["vanilla_backprop"], target=1)
    (score,) = te.evaluate(Classifier(), x, whole, "cascading_randomisation")
    assert score.measures["both_zero"] == 0 and not score.warnings
    assert score.value == pytest.approx(score.measures["spearman_absolute"]), "the published figure"


def test_a_volume_of_equal_slices_is_like_its_slice() -> None:
    a, b = (torch.randn(1, 24, 24, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    deep = [x[..., None].expand(1, 24, 24, 7) for x in (a, b)]
    assert ssim(a, b) == pytest.approx(ssim(*deep), abs=0.1)
    assert -1 <= hog(*deep) <= 1
    assert torch.isnan(torch.tensor(ssim(a[:, :2], b[:, :2])))
