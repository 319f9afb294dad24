"""What every metric of the registry says of maps that are known: right, random, negated, even, zero, lost."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.metrics import metrics
from torchesegeta.sweeps import session

from .nets import CONVS, SIZES, Classifier, image
from .rows import ROWS
from .test_conformance import entry, label, subject, with_values


def noise(like: Tensor, seed: int = 5) -> Tensor:
    """Normal values of the same norm."""
    values = torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))
    return values * float(like.norm() / values.norm())


class Linear(nn.Module):
    """Two logits, minus and plus the sum of weight · value over the object; zero weights elsewhere."""

    weight: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        draw = torch.rand(1, *SIZES[dims], generator=torch.Generator().manual_seed(3))
        self.register_buffer("weight", (0.5 + draw) * (label(dims) == 1))

    def forward(self, x: Tensor) -> Tensor:
        score = (x * self.weight).flatten(1).sum(1)
        return torch.stack([-score, score], 1)


def known(dims: int) -> tuple[nn.Module, te.Image, te.Attribution]:
    """A linear model, an image that is brighter in the object, and the right map: weight · value, or the weights."""
    net = Linear(dims)
    x = te.Image(0.5 + (net.weight > 0) + 0.01 * image(dims), label=label(dims))
    return net, x, te.explain(net, x, ["input_x_gradient"], target=1)[0]


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.order != "not asked"])
def test_right_random_and_negated_maps_are_in_order(name: str, dims: int) -> None:
    order, metric = ROWS[name].order, metrics()[name]
    net, x, one = known(dims)
    if name == "infidelity":  # which asks for the gradient
        one = te.explain(net, x, ["vanilla_backprop"], target=1)[0]
    assert one.values is not None
    right, middle = one.values, noise(one.values)
    if metric.needs_label:  # which asks for an edge, not for amounts
        right = (label(dims) == 1).float()[None] - 0.25
        middle = 0.5 * right + noise(right)
    maps = [with_values(one, values) for values in (right, middle, -right)]
    scores = [te.evaluate(net, x, m, entry(name))[0] for m in maps]
    found = [score.value for score in scores if score.value is not None]
    assert len(found) == 3, [score.reason for score in scores]
    if order == "same":
        assert found[0] == found[1] == found[2]
        return
    assert metric.better is not None
    best, other, worst = (value if metric.better == "higher" else -value for value in found)
    if order == "sparse first":
        assert best == pytest.approx(worst) and best > other
    elif name == "pointing_game":  # one voxel: right or wrong
        assert best == 1 and worst == 0
    else:
        assert best > other > worst
    if metric.needs_label:
        assert best == 1 and worst < 0.01


@pytest.mark.parametrize("name", list(ROWS))
def test_an_even_map_has_the_value_of_chance_or_none(name: str) -> None:
    net, x, one = subject("classification", 2)
    expected, share = ROWS[name].even, float((label(2) == 1).double().mean())
    for value in (0.3, 0.3 * (1 + torch.rand(1, *SIZES[2]) * 1e-7)):
        (score,) = te.evaluate(net, x, with_values(one, torch.ones(1, *SIZES[2]) * value), entry(name))
        if expected == "undefined":
            assert score.value is None and score.status == "incompatible"
            assert (score.reason or "").startswith("undefined: the map is the same everywhere (0.3)"), score.reason
        elif expected == "defined":
            assert score.value is not None and math.isfinite(score.value)
        elif isinstance(value, float) or name in ("gini", "entropy", "effective_size", "region_shares"):
            assert score.value == pytest.approx(share if expected == "object" else expected, abs=0.01)


@pytest.mark.parametrize("name", list(ROWS))
def test_a_map_of_zeros_has_no_value_that_speaks_of_it(name: str) -> None:
    net, x, one = subject("classification", 2)
    (score,) = te.evaluate(net, x, with_values(one, torch.zeros(1, *SIZES[2])), entry(name))
    if ROWS[name].zero:
        assert score.value is not None and math.isfinite(score.value)
        return
    assert score.value is None and score.status == "incompatible" and not score.measures
    assert (score.reason or "").startswith("undefined: the map is zero everywhere"), score.reason


@pytest.mark.parametrize("lost", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", list(ROWS))
def test_a_map_with_values_that_are_no_numbers_has_no_value(name: str, lost: float) -> None:
    net, x, one = subject("classification", 2)
    assert one.values is not None
    values = one.values.clone()
    values[0, 4, 4] = lost
    (score,) = te.evaluate(net, x, with_values(one, values), entry(name))
    assert score.value is None and score.status == "incompatible"
    assert score.reason == f"undefined: 1 of the map's {values.numel()} values are NaN or infinite"


class Points(nn.Module):
    """A network that looks at single voxels: the same in 2D and 3D."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(8)
            self.first, self.act, self.head = CONVS[dims](1, 4, 1), nn.Tanh(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.act(self.first(x)).flatten(2).mean(2))
        return logits


@pytest.mark.parametrize("name", list(ROWS))
def test_a_slice_is_a_volume_of_one_slice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "fingerprint", lambda data: "the same draws")
    x = te.Image(image(2), label=label(2))
    deep = replace(x, data=x.data[..., None], label=label(2)[..., None])
    flat, thick = (
        te.evaluate(net, at, te.explain(net, at, ["input_x_gradient"], target=1), entry(name))[0]
        for net, at in ((Points(2), x), (Points(3), deep))
    )
    assert flat.value is not None and thick.value is not None, (flat.reason, thick.reason)
    assert flat.value == pytest.approx(thick.value, rel=1e-4, abs=1e-6)
    assert flat.measures == pytest.approx(thick.measures, rel=1e-4, abs=1e-6)


def test_vargrad_of_a_linear_model_is_0_and_neither_stable_nor_faithful() -> None:
    """A variance at the level of rounding is no map: its figures would be those of noise."""
    net, x = Classifier(activation=nn.Identity()), image()
    maps = te.explain(net, x, [{"name": "vargrad", "samples": 6}], target=1)
    (one,) = maps
    assert one.values is not None and not one.values.any()
    assert one.measures["above_rounding"] == 0 and "the same at every noisy copy" in one.warnings[-1]
    wanted: list[Any] = ["sensitivity", "deletion", "insertion", {"name": "chance", "metric": "deletion"}]
    scores = te.evaluate(net, x, maps, wanted)
    assert {s.metric for s in scores if s.value is not None} == {"chance"}
    assert te.verdicts(scores, maps) == [], "no question has an answer"


def test_vargrad_keeps_a_small_variance_that_is_real() -> None:
    net, x = Classifier(), image()
    (one,) = te.explain(net, x, [{"name": "vargrad", "samples": 6, "sigma": 1e-3}], target=1)
    assert one.values is not None and (one.values > 0).double().mean() > 0.9 and not one.warnings
