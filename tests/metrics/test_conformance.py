"""What every metric must do, in 2D and 3D, for classifications and segmentations; and what its kind promises."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.metrics import MapMetric, ScoreMetric, metrics

from .nets import SIZES, Classifier, Segmenter, image
from .rows import ROWS

TWINNED = [name for name, row in ROWS.items() if row.twin is not None]
CASES = [(kind, dims) for kind in ("classification", "segmentation") for dims in (2, 3)]


def label(dims: int) -> Tensor:
    """Class 1 in a corner block."""
    found = torch.zeros(SIZES[dims], dtype=torch.long)
    found[tuple(slice(2, 5) for _ in range(dims))] = 1
    return found


def entry(name: str) -> dict[str, Any]:
    return {"name": name, **ROWS[name].parameters}


def subject(kind: str, dims: int, channels: int = 1) -> tuple[nn.Module, te.Image, te.Attribution]:
    net = Classifier(dims, channels) if kind == "classification" else Segmenter(dims, channels)
    x = te.Image(image(dims, channels), label=label(dims))
    return net, x, te.explain(net, x, ["input_x_gradient"], target=1)[0]


def with_values(one: te.Attribution, values: Tensor) -> te.Attribution:
    return replace(one, values=values)


def test_every_metric_has_a_row() -> None:
    assert set(ROWS) == set(metrics())
    assert {name for name, metric in metrics().items() if issubclass(metric, MapMetric)} == set(TWINNED)


@pytest.mark.parametrize(("kind", "dims"), CASES)
@pytest.mark.parametrize("name", list(ROWS))
def test_conforms(name: str, kind: str, dims: int) -> None:
    net, x, one = subject(kind, dims)
    net.train()
    before, kept = copy.deepcopy(net.state_dict()), x.data.clone()
    first, again = (te.evaluate(net, x, one, entry(name))[0] for _ in range(2))
    assert first.status == "ok", first.reason
    assert first.value == again.value and first.curves == again.curves, "the same twice"
    assert first.parameters == metrics()[name](**ROWS[name].parameters).parameters()
    assert all(len(curve) == len(first.steps) for curve in first.curves.values())
    assert net.training and torch.equal(x.data, kept)
    assert all(torch.equal(net.state_dict()[n], value) for n, value in before.items())
    chunked = te.evaluate(net, x, one, entry(name), chunk_size=1)[0]
    assert chunked.value == pytest.approx(first.value, rel=1e-3, abs=1e-4)


SCALE_FREE = [n for n, m in metrics().items() if m.scale_free and issubclass(m, MapMetric | ScoreMetric)]
"""Those that judge the map itself; others make it anew, at the method's own scale."""


@pytest.mark.parametrize("name", SCALE_FREE)
def test_the_scale_of_the_map_does_not_matter_where_that_is_claimed(name: str) -> None:
    net, x, one = subject("classification", 2)
    assert one.values is not None
    scaled = with_values(one, 1000 * one.values)
    first, second = (te.evaluate(net, x, m, entry(name))[0].value for m in (one, scaled))
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", TWINNED)
def test_equals_its_twin(name: str, dims: int) -> None:
    net, x, one = subject("classification", dims, channels=2)
    values = torch.randn(2, *SIZES[dims], generator=torch.Generator().manual_seed(5))
    (score,) = te.evaluate(net, x, with_values(one, values), entry(name))
    twin = ROWS[name].twin
    assert twin is not None
    assert score.value == pytest.approx(twin(values.double().numpy(), (label(dims) == 1).numpy()), rel=1e-6)


def test_sign_and_label_of_localisation() -> None:
    net, x, one = subject("segmentation", 2)
    perfect = (label(2) == 1).float()[None]
    negated = with_values(one, -perfect)
    (mass,) = te.evaluate(net, x, negated, "relevance_mass")
    assert mass.status == "incompatible" and "positive evidence" in (mass.reason or "")
    (other,) = te.evaluate(net, x, negated, {"name": "relevance_mass", "sign": "absolute"})
    assert other.value == 1
    (background,) = te.evaluate(net, x, with_values(one, perfect), {"name": "relevance_mass", "label_value": 0})
    assert background.value == 0
    (absent,) = te.evaluate(net, x, one, {"name": "relevance_mass", "label_value": 9})
    assert absent.status == "incompatible" and "value 9 nowhere" in (absent.reason or "")
    (unlabelled,) = te.evaluate(net, replace(x, label=None), one, "relevance_mass")
    assert unlabelled.status == "incompatible" and "needs a label" in (unlabelled.reason or "")


def test_completeness_gap_of_methods_that_promise_it() -> None:
    net, x, _ = subject("segmentation", 3)
    methods: list[Any] = [
        {"name": "integrated_gradients", "steps": 64, "baseline": "mean"},
        {"name": "deeplift", "baseline": 0.5},
        {"name": "shapley_value_sampling", "features": {"kind": "blocks", "size": 5}, "permutations": 2},
        "saliency",
    ]
    scores = {s.label: s for s in te.evaluate(net, x, te.explain(net, x, methods, target=1), "completeness_gap")}
    for label_, limit in (("integrated_gradients", 1e-2), ("deeplift", 1e-4), ("shapley_value_sampling", 1e-4)):
        value = scores[label_].value
        assert value is not None and value < limit, f"{label_}: {value}"
    assert (scores["saliency"].value or 0) > 0.1


def test_completeness_gap_equals_its_twin() -> None:
    net, x, one = subject("classification", 2)
    (score,) = te.evaluate(net, x, one, {"name": "completeness_gap", "baseline": 0.2})
    with torch.no_grad():
        change = float(net.eval()(x.data[None])[0, 1] - net(torch.full_like(x.data, 0.2)[None])[0, 1])
    assert one.values is not None
    assert score.value == pytest.approx(abs(float(one.values.sum()) - change) / abs(change), rel=1e-4)


def test_infidelity_of_the_exact_map_of_a_linear_model_is_zero() -> None:
    net, x = Classifier(activation=nn.Identity()), image()
    maps = te.explain(net, x, ["vanilla_backprop"], target=1)
    gradient = maps[0].values
    assert gradient is not None
    for kind in ("gaussian", "square", "baseline"):
        wanted = {"name": "infidelity", "samples": 6, "perturbation": kind}
        right, doubled, negated, none = (
            te.evaluate(net, x, with_values(maps[0], factor * gradient), wanted)[0] for factor in (1, 2, -1, 0)
        )
        assert right.value == pytest.approx(0, abs=1e-10) and right.measures["beta"] == pytest.approx(1, abs=1e-3)
        assert doubled.measures["beta"] == pytest.approx(0.5, abs=1e-3)
        assert doubled.measures["unexplained"] == pytest.approx(0, abs=1e-5)
        assert negated.measures["beta"] == pytest.approx(-1, abs=1e-3)
        assert (negated.value or 0) > (none.value or 0) > 0 and none.measures["unexplained"] == 1


def test_lipschitz_and_sensitivity_share_their_passes_and_agree() -> None:
    net, x, one = subject("classification", 2)
    sensitivity, lipschitz = te.evaluate(net, x, one, ["sensitivity", "local_lipschitz"])
    alone = te.evaluate(net, x, one, "sensitivity")[0]
    assert sensitivity.passes == lipschitz.passes == alone.passes
    assert lipschitz.value is not None and sensitivity.value is not None and one.values is not None
    reach = 0.02 * float(x.data.max() - x.data.min())
    furthest = reach * x.data.numel() ** 0.5
    assert lipschitz.value >= sensitivity.value * float(one.values.norm()) / furthest * 0.9


def test_random_logit_of_a_map_that_ignores_the_class() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency", "layer_activation"], target=[0, 1], layers="first")
    for score in te.evaluate(net, x, maps, "random_logit"):
        if score.label == "layer_activation":
            assert score.value == pytest.approx(1)
        else:
            assert score.value is not None and score.value < 0.95


def test_a_two_class_sigmoid_has_another_class() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1))
    maps = te.explain(net, image(), ["vanilla_backprop"], target={"kind": "multiclass"}, activation="sigmoid")
    scores = te.evaluate(net, image(), maps, "random_logit")
    assert len(scores) == 2 and all(score.status == "ok" for score in scores)


def test_efficient_mprt_knows_noise_from_order() -> None:
    net, x = Classifier(), image()
    one = te.explain(net, x, ["saliency"], target=1)[0]
    flat = with_values(one, torch.ones(1, *SIZES[2]))
    (score,) = te.evaluate(net, x, flat, "efficient_mprt")
    assert score.status == "incompatible" and "same everywhere" in (score.reason or "")


def test_smooth_mprt_of_one_copy_without_noise_is_the_cascade() -> None:
    net, x, one = subject("classification", 2)
    cascade, smooth = te.evaluate(
        net, x, one, ["cascading_randomisation", {"name": "smooth_mprt", "samples": 2, "sigma": 1e-7}]
    )
    assert list(cascade.steps) == list(smooth.steps)
    for name, curve in cascade.curves.items():
        assert smooth.curves[name] == pytest.approx(curve, abs=0.02)
