"""Verdicts of real maps: an edge detector fails, gradients pass, guided backpropagation is weak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from tests.metrics.plugins import ScoresLeft, StrongestOut, add_edges
from torchesegeta.errors import ConfigError
from torchesegeta.metrics import Case, ScoreMetric, register, registry
from torchesegeta.metrics.base import ScoreReading
from torchesegeta.metrics.verdict_metrics import verdict_entries
from torchesegeta.sweeps import Change


def bar(number: int, *, upright: bool) -> Tensor:
    """A noisy image with a bar."""
    source = torch.Generator().manual_seed(number)
    x = 0.5 * torch.rand(1, 16, 16, generator=source)
    place = int(torch.randint(3, 12, (), generator=source))
    x[0, 3:13, place : place + 2] += 1
    return x if upright else x.mT.contiguous()


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """Tells upright bars from lying ones."""
    images = torch.stack([bar(n, upright=n % 2 == 0) for n in range(64)])
    classes = torch.tensor([n % 2 for n in range(64)])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        net = nn.Sequential(
            *(first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU()),
            *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 2)),
        )
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        for _ in range(80):
            loss = nn.functional.cross_entropy(net(images), classes)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
    assert loss.item() < 0.1
    return net.eval()


@pytest.fixture
def edges(monkeypatch: pytest.MonkeyPatch) -> str:
    return add_edges(monkeypatch)


def verdicts(net: nn.Module, methods: list[Any], count: int = 3) -> dict[str, Any]:
    images = [te.Image(bar(100 + n, upright=True), name=f"i{n}") for n in range(count)]
    maps = te.explain(net, images, methods, target=0, progress=False)
    scores = te.evaluate(net, images, list(maps), verdict_entries(), progress=False)
    return {one.label: one for one in te.verdicts(scores, list(maps))}


def test_an_edge_detector_fails_and_what_depends_on_the_weights_does_not(trained: nn.Module, edges: str) -> None:
    methods = [edges, "vanilla_backprop", {"name": "integrated_gradients", "steps": 128}, "guided_backprop"]
    found = verdicts(trained, methods)
    assert list(found)[-1] == "edges" and found["edges"].word == "no"
    assert found["edges"].answers["weights"].value == pytest.approx(1)
    assert found["edges"].answers["stable"].word == "yes", "stability alone says nothing"
    for name in ("vanilla_backprop", "integrated_gradients"):
        assert found[name].answers["weights"].word == "yes", found[name].answers["weights"]
    assert found["integrated_gradients"].answers["complete"].word == "yes"
    guided, plain = (found[name].answers["weights"].value for name in ("guided_backprop", "vanilla_backprop"))
    assert guided > plain, "guided backpropagation notices less of the weights"


def test_thresholds_are_checked() -> None:
    with pytest.raises(ConfigError, match="thresholds: 'stable_yes' must be at most 'stable_no', got 2 and 1"):
        te.verdicts([], [], {"stable_yes": 2})
    with pytest.raises(ConfigError, match="nearest: 'stable_yes'"):
        te.verdicts([], [], {"stable_yea": 2})
    assert te.verdicts([]) == []


@pytest.fixture
def left() -> Iterator[str]:
    @register("left_of_score")
    class LeftOfScore(ScoreMetric):
        """The mean score while the strongest voxels go."""

        title, family, source, span, guided = "Left", "Faithfulness", "nobody", "any", True

        def change(self, case: Case) -> Change:
            return StrongestOut(6)

        def reading(self, case: Case) -> ScoreReading:
            return ScoresLeft()

    yield "left_of_score"
    del registry.REGISTRY.classes["left_of_score"]


def test_chance_is_the_mean_of_what_the_other_metric_says_of_random_maps(trained: nn.Module, left: str) -> None:
    from torchesegeta.metrics.chance import random_map

    x = bar(100, upright=True)
    maps = te.explain(trained, x, ["vanilla_backprop", "saliency"], target=0, progress=False)
    found = te.evaluate(trained, x, list(maps), {"name": "chance", "metric": left, "maps": 3}, chunk_size=4)
    drawn = [replace(maps[0], values=random_map(x, number)) for number in range(3)]
    values = [te.evaluate(trained, x, one, left)[0].value for one in drawn]
    assert [score.value for score in found] == [pytest.approx(sum(v or 0 for v in values) / 3, rel=1e-5)] * 2
    assert found[0].measures["spread"] > 0
    assert found[0].passes["forward"] <= 3 * 6 + 2, "one series for all methods"
    assert (te.evaluate(trained, x, maps[0], left)[0].value or 0) < (found[0].value or 0), "a gradient beats chance"


def test_chance_follows_what_the_other_metric_follows() -> None:
    from torchesegeta.metrics.chance import random_map

    net = nn.Conv2d(1, 2, 1).eval()
    net.load_state_dict({"weight": torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), "bias": torch.tensor([0.6, 0.0])})
    x = bar(3, upright=True)
    maps = te.explain(net, x, ["saliency"], target={"kind": "multiclass", "classes": [1]}, progress=False)
    wanted = {"name": "deletion", "on": "dice", "steps": 4}
    found = te.evaluate(net, x, list(maps), {"name": "chance", "metric": wanted, "maps": 2})
    for one, score in zip(maps, found, strict=True):
        drawn = [te.evaluate(net, x, replace(one, values=random_map(x, n)), wanted)[0] for n in range(2)]
        assert score.value is not None and 0 < score.value < 1, score.reason
        assert score.value == pytest.approx(sum(s.value or 0 for s in drawn) / 2, rel=1e-5)


def test_chance_of_what_has_none_is_refused() -> None:
    for name, match in (("gini", "reads no scores"), ("sensitivity", "reads no scores"), ("ginny", "nearest: 'gini'")):
        with pytest.raises(ConfigError, match=match):
            te.evaluate(nn.Identity(), torch.zeros(1, 4, 4), [], {"name": "chance", "metric": name})
