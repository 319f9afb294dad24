"""What DeepLIFT's four methods share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.baselines import Baseline, baseline_warning
from torchesegeta.methods.base import Context
from torchesegeta.methods.path_method import completeness_gap, share_of_change
from torchesegeta.methods.readouts import WeightedSum, layer_gradient, need, share_of_score
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import DeepLift, RevealCancel
from torchesegeta.sweeps import Contrast, Read, Readout, Sample, Sweep

LARGE_GAP = 1e-3
"""A completeness gap above this share of the score's change is said aloud: the rule itself leaves none."""

UNSTEADY = 0.01
"""A score at the baseline that rounding may move by this share of the score's change makes a map of rounding."""


def noise(context: Context) -> dict[str, float]:
    """The baseline's noise as a measure, where it is known."""
    return {} if context.baseline_noise is None else {"baseline_noise": context.baseline_noise}


class DeepLiftMethod(RuleMethod):
    """Multiplier times difference, averaged over baselines."""

    quantity = "share of the score"

    rule: Literal["rescale", "reveal_cancel"] = Field(
        "rescale",
        description="How a nonlinear operation shares out its change: by quotients of differences, or apart for what "
        "pushes up and what pulls down (slower; not for norms over the image, attention, products of activations).",
    )

    @model_validator(mode="after")
    def _refuse_in_parts(self) -> DeepLiftMethod:
        if self.rule == "reveal_cancel" and self.unknown == "gradient":
            raise ValueError("reveal_cancel knows no plain gradients: leave 'unknown' at 'refuse'")
        return self

    @abstractmethod
    def origins(self) -> tuple[Baseline, ...]:
        """The baselines."""

    def sweeps(self) -> tuple[Sweep, ...]:
        """The image against each baseline."""
        rule = RevealCancel() if self.rule == "reveal_cancel" else DeepLift(unknown=self.unknown)
        return (Contrast(self.origins(), rule),)

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return WeightedSum(share_of_score)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """Completeness gap |Σ map − Δscore| / |Δscore|, and the noise of the score at the baseline."""
        gap = completeness_gap(values, context)
        return {**gap, **noise(context)} if gap else {}

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """Baselines that are not the background; a completeness gap."""
        said = [baseline_warning(b, context.image) for b in self.origins()]
        if measures.get("baseline_noise", 0.0) > UNSTEADY:
            said.append(
                f"the score at the baseline moves by {measures['baseline_noise']:.0%} of its change under a trace of "
                "noise: a constant baseline is ill-conditioned under this model's norms; try 'blur' or another image"
            )
        gap = measures.get("completeness_gap", 0.0)
        if gap > LARGE_GAP:
            said.append(
                f"the map's sum misses the score's change by {gap:.2%}: the baseline is ill-conditioned for this "
                "model, or the model chooses by comparisons that no rule sees; try another baseline"
            )
        return [s for s in said if s is not None]


class LayerDeepLiftMethod(DeepLiftMethod):
    """The same at a layer."""

    reads = Read.LAYER_GRADIENT | Read.CHANGE

    def readout(self, context: Context) -> Readout:
        """The layer's shape."""

        def share(sample: Sample) -> Tensor:
            return layer_gradient(sample) * need(sample.change)

        return WeightedSum(share)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """The share of the score's change that passes through the layer: 1 where nothing goes past it."""
        share = share_of_change(values, context)
        return {} if share is None else {"score_share": share, **noise(context)}
