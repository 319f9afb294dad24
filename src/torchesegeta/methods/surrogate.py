"""What methods that fit a simple model to scores of coalitions share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.features import SUPERVOXELS, FeaturesField, Partition
from torchesegeta.methods.base import Context
from torchesegeta.methods.mask_method import FEATURES_TEXT, MaskMethod, partition_of
from torchesegeta.methods.readouts import need
from torchesegeta.sweeps import Coalitions, Mask, Readout, Sample, Sweep


@dataclass(frozen=True, eq=False)
class Tried:
    """Everything that was tried.

    Attributes:
        rows: (N, F), 1 where a feature was in; float64.
        scores: (N,), float64.
        whole_score: Of the image.
        regions: The features.
        context: Of the readout.
    """

    rows: Tensor
    scores: Tensor
    whole_score: float
    regions: Partition
    context: Context


class SurrogateMethod(MaskMethod):
    """A method that fits a simple model of the features to the scores of coalitions.

    Methods with the same features, samples and baseline share the forward passes.
    """

    family = "Surrogate"

    features: FeaturesField = Field(SUPERVOXELS, description=FEATURES_TEXT)
    samples: int = Field(1000, ge=2, le=1_000_000, description="Coalitions to try; all of them where they are fewer.")
    paired: bool = Field(True, description="Follow each coalition by its complement.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per coalition."""
        return (Mask(Coalitions(self.features, self.samples, self.paired), self.baseline),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial), or (C, *spatial) where channels are apart."""
        return _Fit(self, context)

    @abstractmethod
    def fit(self, tried: Tried) -> tuple[Tensor, Tensor, Tensor]:
        """The surrogate.

        Returns:
            A value per feature (F,), the predictions (N,) and the weights (N,) of the fit.
        """

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background; fewer samples than features; a bad fit."""
        said = super().cautions(measures, context)
        if measures.get("features", 0) > self.samples:
            said.append(f"{self.samples} samples for {measures['features']:.0f} features: the fit is not determined")
        if measures.get("r_squared", 1.0) < 0.5:
            said.append(f"the surrogate explains {max(0.0, measures['r_squared']):.0%} of the scores' variance only")
        return said


@dataclass
class _Fit:
    """Collects coalitions with their scores, and fits at the end."""

    method: SurrogateMethod
    context: Context
    rows: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """A fit is, once there are more coalitions than features."""
        return sum(map(len, self.scores)) > (self.rows[0].shape[1] if self.rows else 0)

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.rows.append(need(sample.rows).bool().cpu())
        self.scores.append(need(sample.scores).double().cpu())
        self.regions, self.whole_score = partition_of(sample), sample.whole_score

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        tried = Tried(
            torch.cat(self.rows).double(), torch.cat(self.scores), self.whole_score, self.regions, self.context
        )
        values, predicted, weights = self.method.fit(tried)
        self.figures = {"features": float(len(values)), **_explained(tried.scores, predicted, weights)}
        return self.regions.spread(values.to(self.regions.labels.device))

    def measures(self) -> dict[str, float]:
        """The number of features, and R² of the fit."""
        return self.figures


def _explained(scores: Tensor, predicted: Tensor, weights: Tensor) -> dict[str, float]:
    """Weighted R²; nothing where the scores do not vary."""
    mean = (weights * scores).sum() / weights.sum()
    total = float((weights * (scores - mean).square()).sum())
    rest = float((weights * (scores - predicted).square()).sum())
    return {"r_squared": 1 - rest / total} if total > 0 else {}
