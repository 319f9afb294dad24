"""What `evaluate` promises whatever the metric: records, fused passes, failures that cost their own score only."""

from __future__ import annotations

import copy

import pytest
import torch

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.metrics import Measurement, metrics

from .nets import Classifier, Segmenter, image

GRADIENTS = ["saliency", "vanilla_backprop", "input_x_gradient", "layer_gradcam", "hires_cam"]


def scores(methods: list[str], wanted: list[object], **options: object) -> list[te.Score]:
    net, x = Classifier(), image()
    maps = te.explain(net, x, methods, target=1, layers="second", **options)  # type: ignore[arg-type]
    return te.evaluate(net, x, maps, wanted)  # type: ignore[arg-type]


def test_a_score_for_every_map_and_metric() -> None:
    found = scores(["saliency", "layer_gradcam"], ["infidelity", "sensitivity", "gini"])
    keys = [(s.metric, s.label, s.layer, s.target) for s in found]
    assert len(keys) == len(set(keys)) == 6
    assert all(s.status == "ok" and s.value is not None for s in found)
    resized = [s for s in found if s.metric == "infidelity" and s.layer is not None]
    assert not resized[0].warnings  # this layer lies on the image's grid already


def test_sensitivity_of_five_methods_costs_the_passes_of_one() -> None:
    alone = scores(["saliency"], [{"name": "sensitivity", "samples": 10}])
    together = scores(GRADIENTS, [{"name": "sensitivity", "samples": 10}])
    assert len(together) == 5
    one_pass = {"forward": 10 + 1, "backward": 10}  # the target is bound once
    assert alone[0].passes == together[0].passes == one_pass


def test_one_sweep_of_scores_serves_all_maps() -> None:
    found = scores(GRADIENTS, [{"name": "infidelity", "samples": 7}])
    assert len(found) == 5 and {s.passes["forward"] for s in found} == {7 + 1}


def test_model_comes_back_as_it_was() -> None:
    net, x = Segmenter(), image()
    net.train()
    maps = te.explain(net, x, ["saliency"], target={"kind": "multiclass"})
    before = copy.deepcopy(net.state_dict())
    te.evaluate(net, x, maps, list(metrics()))
    assert net.training and all(torch.equal(net.state_dict()[n], v) for n, v in before.items())
    assert not any(m._forward_hooks for m in net.modules())


def test_chunks_and_repetition_change_nothing() -> None:
    first, second = (
        scores(["saliency", "occlusion"], ["infidelity", "sensitivity"], chunk_size=size) for size in (1, 5)
    )
    for a, b in zip(first, second, strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-4)


def test_what_has_no_map_or_no_target_says_so() -> None:
    found = scores(["layer_activation", "saliency"], ["infidelity"])
    assert {s.label: s.status for s in found} == {"layer_activation": "incompatible", "saliency": "ok"}
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    maps[0].values, maps[0].status, maps[0].reason = None, "timeout", "too slow"
    (score,) = te.evaluate(net, x, maps, "gini")
    assert (score.status, score.reason) == ("timeout", "there is no map: too slow")


def test_maps_of_files_need_a_target(tmp_path: object) -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    loaded = te.load(maps.save(f"{tmp_path}/maps"))
    with pytest.raises(ConfigError, match="target"):
        te.evaluate(net, x, loaded, "infidelity")
    (a,), (b,) = te.evaluate(net, x, loaded, "sensitivity", target=1), te.evaluate(net, x, maps, "sensitivity")
    assert a.value == pytest.approx(b.value)


def test_maps_of_several_calls() -> None:
    net, x = Classifier(), image()
    wanted = [("saliency", 1), ("gradcam", 1), ("saliency", 2)]
    first, again, other = (te.explain(net, x, name, target=target)[0] for name, target in wanted)
    assert len(te.evaluate(net, x, [first, again], "gini")) == 2
    with pytest.raises(ConfigError, match="more than one target"):
        te.evaluate(net, x, [first, other], "gini")


def test_errors_name_the_field() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    with pytest.raises(ConfigError, match="nearest: 'infidelity'"):
        te.evaluate(net, x, maps, "infidelty")
    with pytest.raises(ConfigError, match=r"metrics\[0\].samples: 0 is not allowed"):
        te.evaluate(net, x, maps, [{"name": "infidelity", "samples": 0}])
    with pytest.raises(ConfigError, match="another image"):
        te.evaluate(net, te.Image(x, name="other"), maps, "gini")


def test_one_metric_that_fails_costs_its_own_score(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, case: object) -> Measurement:
        raise RuntimeError("broken")

    monkeypatch.setattr(metrics()["gini"], "measure", broken)
    found = scores(["saliency"], ["gini", "infidelity"])
    assert [(s.metric, s.status) for s in found] == [("gini", "failed"), ("infidelity", "ok")]


def test_the_same_draws_are_used_around_the_image() -> None:
    """SmoothGrad's own noise does not count as instability."""
    net, x = Classifier(), image()
    maps = te.explain(net, x, [{"name": "smoothgrad", "samples": 3}], target=1)
    (score,) = te.evaluate(net, x, maps, {"name": "sensitivity", "radius": 1e-5})
    assert score.value is not None and score.value < 1e-3


def test_every_metric_is_documented() -> None:
    for name, metric in metrics().items():
        assert metric.title and metric.family and metric.source and metric.span, name
        assert not {"name", "label", "methods", "timeout_s"} & set(metric.model_fields), "fields of every entry"
        for field, about in metric.model_json_schema().get("properties", {}).items():
            assert about.get("description"), f"{name}.{field}"
