"""Efficient MPRT: is the map of a random model more complex? (Hedström et al. 2024, arXiv:2401.06465)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.metrics.base import Case, Measurement, Reading, RepeatMetric
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Cascade, Variation


@register("efficient_mprt")
class EfficientMprt(RepeatMetric):
    """How much more complex the map becomes once all weights are drawn anew: the relative rise of its entropy.

    The entropy is that of a histogram of the map's values, from its least to its largest.
    """

    title = "Efficient model parameter randomisation test"
    family = "Randomisation"
    source = "Hedström et al. 2024, arXiv:2401.06465"
    better = "higher"
    span = "-1 and more"

    bins: int = Field(100, ge=2, description="Of the histogram.")
    seed: int = Field(0, ge=0, description="Of the weights.")

    def variation(self) -> Variation:
        """One step: everything is random."""
        return Cascade(most=1, seed=self.seed)

    def reading(self, case: Case) -> Reading:
        """Two entropies."""
        return _Rise(case.values, self.bins)


class _Rise(Reading):
    def __init__(self, values: Tensor, bins: int) -> None:
        self.bins, self.before, self.after = bins, _entropy(values, bins), 0.0

    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        self.after = _entropy(values, self.bins)

    def measurement(self) -> Measurement:
        measures = {"entropy": self.before, "entropy_random": self.after}
        return Measurement((self.after - self.before) / self.before, measures)


def _entropy(values: Tensor, bins: int) -> float:
    """Of a histogram, in nats."""
    shares = torch.histc(values.double().flatten(), bins)
    shares = shares[shares > 0] / values.numel()
    return float(-(shares * shares.log()).sum())
