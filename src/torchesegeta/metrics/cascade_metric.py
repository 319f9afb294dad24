"""What cascades of random weights share: their parameters, and the similarities of maps over the steps."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Measurement, Reading, RepeatMetric
from torchesegeta.metrics.similarity import MEASURES, both_zero, cautions, similarities, views
from torchesegeta.sweeps import Cascade
from torchesegeta.sweeps.cascade import Order
from torchesegeta.sweeps.random_weights import Fresh

VALUE = "spearman_absolute_inside"
"""The similarity that is a cascade's value: of magnitudes, and not fooled by empty surroundings."""
ORIGINAL = "original"
"""Name of the step before the first."""


class CascadeMetric(RepeatMetric):
    """A metric that explains again while the model's weights are drawn anew."""

    family = "Randomisation"
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

    @property
    def cascade(self) -> Cascade:
        """The models."""
        return Cascade(self.order, self.steps, self.weights, self.seed)


class Similarities(Reading):
    """How alike the map of every step is to the original one.

    Args:
        values: The original map.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.steps = [ORIGINAL]
        self.curves = {name: [1.0] for name in MEASURES}
        self.shown = [views(values)]
        self.empty: list[float] = []

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        """See `Reading.update`."""
        self.steps.append(step)
        self.shown.append(views(values))
        self.empty.append(both_zero(self.values, values))
        for name, value in similarities(self.values, values).items():
            self.curves[name].append(value)

    def measurement(self) -> Measurement:
        """The mean of `VALUE` over the steps, the other means, and the curves."""
        measures: dict[str, float] = {}
        for name, curve in self.curves.items():
            known = [value for value in curve[1:] if np.isfinite(value)]
            if known:
                measures[name] = float(np.mean(known))
            if np.isfinite(curve[-1]):
                measures[f"{name}_last"] = curve[-1]
        if VALUE not in measures:
            raise IncompatibleError("the maps of the random models are the same everywhere: they have no ranks")
        value, empty = measures.pop(VALUE), float(np.mean(self.empty))
        arrays = {name: torch.stack([view[name] for view in self.shown]) for name in self.shown[0]}
        measures["both_zero"] = empty
        warnings = (*cautions(empty), *self._untold())
        return Measurement(value, measures, tuple(self.steps), self.curves, warnings, arrays)

    def _untold(self) -> tuple[str, ...]:
        """That some steps have no similarity."""
        lost = [step for step, value in zip(self.steps, self.curves[VALUE], strict=True) if not np.isfinite(value)]
        if not lost:
            return ()
        return (
            f"at {len(lost)} of {len(self.steps) - 1} steps ({', '.join(lost)}) the map is the same everywhere, so how "
            "alike it is cannot be told; means are over the others",
        )
