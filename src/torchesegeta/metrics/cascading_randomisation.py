"""Cascading randomisation: does the map notice that the weights are gone? (Adebayo et al. 2018, arXiv:1810.03292)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor

from torchesegeta.errors import ConfigError
from torchesegeta.metrics.base import Case, Measurement, Reading, RepeatMetric
from torchesegeta.metrics.entries import parse_metrics
from torchesegeta.metrics.registry import register
from torchesegeta.metrics.similarity import MEASURES, similarities, views
from torchesegeta.sweeps import Cascade, Variation
from torchesegeta.sweeps.cascade import Order
from torchesegeta.sweeps.random_weights import Fresh

ORIGINAL = "original"


@register("cascading_randomisation")
class CascadingRandomisation(RepeatMetric):
    """How alike the map stays while the model's weights are drawn anew, layer by layer, on a copy.

    A map that shows what the model has learnt must change. Curves over the steps, the first of which is the original:
    `ssim`, `spearman`, `spearman_absolute`, `hog`, each 1 for equal maps. The value is the mean of `spearman_absolute`
    over the steps; further figures are the other means, and `…_last` once all is random. The target keeps the region
    that the original model predicted, and draws are the same at every step.
    """

    title = "Cascading randomisation"
    family = "Randomisation"
    source = "Adebayo et al. 2018, arXiv:1810.03292"
    better = "lower"
    span = "-1 to 1"

    order: Order = Field(
        "cascading",
        description="From the output on, each step on top of the ones before; the same from the input on "
        "(bottom_up); or each layer by itself (independent).",
    )
    steps: int | None = Field(
        20, ge=1, description="Most steps: neighbouring layers are put together where there are more; null: one each."
    )
    weights: Fresh = Field(
        "initial",
        description="What is drawn: as the layers initialise themselves; normal, with the mean and spread the weights "
        "had; or the weights themselves, permuted.",
    )
    seed: int = Field(0, ge=0, description="Of the weights.")

    metrics: tuple[str | dict[str, Any], ...] = Field(
        (), description="Metrics that judge the map of every step too: names, or names with parameters."
    )

    @field_validator("metrics")
    @classmethod
    def _known(cls, value: tuple[str | dict[str, Any], ...]) -> tuple[str | dict[str, Any], ...]:
        try:
            parsed = parse_metrics(value) if value else []
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if any(isinstance(one.metric, cls) for one in parsed):
            raise ValueError("a cascade within a cascade would not end soon; leave it out")
        return value

    def nested(self) -> tuple[str | dict[str, Any], ...]:
        """See `RepeatMetric.nested`."""
        return self.metrics

    def variation(self) -> Variation:
        """The same image before ever more random models."""
        return Cascade(self.order, self.steps, self.weights, self.seed)

    def reading(self, case: Case) -> Reading:
        """Similarities to the map."""
        return _Similarities(case.values)


class _Similarities(Reading):
    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.steps = [ORIGINAL]
        self.curves = {name: [1.0] for name in MEASURES}
        self.shown = [views(values)]

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        self.steps.append(step)
        self.shown.append(views(values))
        for name, value in similarities(self.values, values).items():
            self.curves[name].append(value)

    def measurement(self) -> Measurement:
        measures: dict[str, float] = {}
        for name, curve in self.curves.items():
            known = [value for value in curve[1:] if np.isfinite(value)]
            if known:
                measures |= {name: float(np.mean(known)), f"{name}_last": curve[-1]}
        arrays = {name: torch.stack([view[name] for view in self.shown]) for name in self.shown[0]}
        value = measures.pop("spearman_absolute", float("nan"))
        return Measurement(value, measures, tuple(self.steps), self.curves, arrays=arrays)
