"""A metric from outside: one class, with changes that follow the map."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

import torchesegeta as te
from torchesegeta.metrics import Case, ScoreMetric, metrics, register, registry
from torchesegeta.metrics.base import ScoreReading
from torchesegeta.sweeps import Change

from .nets import Classifier, image
from .plugins import ScoresLeft, StrongestOut


@pytest.fixture
def drop() -> Iterator[str]:
    @register("drop_of_strongest")
    class DropOfStrongest(ScoreMetric):
        """The mean score while the strongest voxels go."""

        title, family, source, better, span = "Drop", "Faithfulness", "nobody", "lower", "any"
        guided = True
        steps: int = 4

        def change(self, case: Case) -> Change:
            return StrongestOut(self.steps)

        def reading(self, case: Case) -> ScoreReading:
            return ScoresLeft()

    yield "drop_of_strongest"
    del registry.REGISTRY.classes["drop_of_strongest"]


def test_a_metric_from_outside_follows_each_map_in_one_sweep(drop: str) -> None:
    net, x = Classifier(activation=nn.Identity()).eval(), image()
    assert drop in metrics()
    maps = te.explain(net, x, ["input_x_gradient", "saliency"], target=[0, 1])
    scores = te.evaluate(net, x, maps, drop)
    assert len(scores) == 4 and {score.passes["forward"] for score in scores} == {1 + 4 * 4}
    for one, score in zip(maps, scores, strict=True):
        assert one.values is not None and one.target_index is not None
        order, wanted = one.values.sum(0).flatten().argsort(descending=True), []
        for step in range(4):
            point = x.clone()
            point.flatten(1)[:, order[: (step + 1) * len(order) // 4]] = 0
            with torch.no_grad():
                wanted.append(float(net(point[None])[0, one.target_index]))
        assert score.curves["score"] == pytest.approx(wanted, abs=1e-5)
    by_target = {(s.label, s.target): s.value for s in scores}
    for target in ("0", "1"):  # of a linear model no order of voxels lets the score fall faster
        best, other = by_target["input_x_gradient", target], by_target["saliency", target]
        assert best is not None and other is not None and best < other


def test_a_reading_that_fails_costs_its_own_map(drop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["input_x_gradient", "saliency"], target=1)
    metric = metrics()[drop]
    plain = metric.reading  # type: ignore[attr-defined]

    def reading(self: ScoreMetric, case: Case) -> ScoreReading:
        made: ScoreReading = plain(self, case)
        if case.attribution.label == "saliency":
            made.update = lambda sample: 1 / 0  # type: ignore[assignment]
        return made

    monkeypatch.setattr(metric, "reading", reading)
    statuses = {score.label: score.status for score in te.evaluate(net, x, maps, drop)}
    assert statuses == {"input_x_gradient": "ok", "saliency": "failed"}


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="registered twice"):
        register("gini")(type("Other", (metrics()["gini"],), {}))
