"""Cascading randomisation: does the map notice that the weights are gone? (Adebayo et al. 2018, arXiv:1810.03292)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from torchesegeta.errors import ConfigError
from torchesegeta.metrics.base import Case, Reading
from torchesegeta.metrics.cascade_metric import CascadeMetric, Similarities
from torchesegeta.metrics.entries import parse_metrics
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Variation


@register("cascading_randomisation")
class CascadingRandomisation(CascadeMetric):
    """How alike the map stays while the model's weights are drawn anew, layer by layer, on a copy.

    A map that shows what the model has learnt must change. Curves over the steps, the first of which is the original:
    `ssim`, `spearman`, `spearman_absolute`, `hog`, each 1 for equal maps, and `ssim_inside`, `spearman_inside` and
    `spearman_absolute_inside`, which leave out where both maps are 0: what the target cannot see is 0 in every map.
    The value is the mean of `spearman_absolute_inside` over the steps; without such zeros it is the published
    `spearman_absolute`. Further figures are the other means, `…_last` once all is random, and `both_zero`, the share
    of values that are 0 in both maps. The target keeps the region that the original model predicted, and draws are
    the same at every step.
    """

    title = "Cascading randomisation"
    source = "Adebayo et al. 2018, arXiv:1810.03292"

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
        if any(isinstance(one.metric, CascadeMetric) for one in parsed):
            raise ValueError("a cascade within a cascade would not end soon; leave it out")
        return value

    def nested(self) -> tuple[str | dict[str, Any], ...]:
        """See `RepeatMetric.nested`."""
        return self.metrics

    def variation(self) -> Variation:
        """The same image before ever more random models."""
        return self.cascade

    def reading(self, case: Case) -> Reading:
        """Similarities to the map."""
        return Similarities(case.values)
