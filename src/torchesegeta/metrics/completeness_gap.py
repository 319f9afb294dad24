"""Completeness gap: |Σ φ − (f(x) − f(x′))| / |f(x) − f(x′)| (Sundararajan et al. 2017, arXiv:1703.01365)."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.baselines import ZERO, Baseline, BaselineField
from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Features
from torchesegeta.metrics.base import Case, Measurement, ScoreMetric, ScoreReading
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Change, Ends, Sample


@register("completeness_gap")
class CompletenessGap(ScoreMetric):
    """How far the sum of the map is from the score's change between a baseline and the image, as a share of it.

    The baseline is the method's own where it has one: of several the mean score. Only methods that promise
    completeness, such as integrated gradients, DeepLIFT or Shapley values, should be near 0. Where features are
    replaced as one, each counts once.
    """

    title = "Completeness gap"
    family = "Axioms"
    source = "Sundararajan et al. 2017, arXiv:1703.01365"
    better = "lower"
    span = "0 and more"
    on_image = False
    scale_free = False
    needs = "nothing"

    baseline: BaselineField = Field(ZERO, description="Of methods that have none.")

    def change(self, case: Case) -> Change:
        """The baselines themselves."""
        return Ends(case.method.sweeps()[0], self._own(case))

    def _own(self, case: Case) -> tuple[Baseline, ...]:
        """Baselines for a method whose sweep has none."""
        given = getattr(case.method, "baselines", None) or getattr(case.method, "baseline", None) or self.baseline
        return given if isinstance(given, tuple) else (given,)

    def reading(self, case: Case) -> ScoreReading:
        """The map's sum, and the scores at the baselines."""
        return _Gap(_total(case))


def _total(case: Case) -> float:
    """Sum of a map; where features were replaced as one, the value of each counts once, not for each voxel."""
    values, features = case.values.double(), getattr(case.method, "features", None)
    if not isinstance(features, Features):
        return float(values.sum())
    labels = features.partition(case.image.data).labels.expand_as(values)
    return float((values / labels.flatten().bincount()[labels]).sum())


class _Gap(ScoreReading):
    def __init__(self, total: float) -> None:
        self.sum = total
        self.changes: list[float] = []

    def update(self, sample: Sample) -> None:
        assert sample.scores is not None
        self.changes += (sample.whole_score - sample.scores.double()).tolist()

    def measurement(self) -> Measurement:
        change = sum(self.changes) / len(self.changes)
        if change == 0:
            raise IncompatibleError("the score at the baseline is that of the image: nothing is a share of its change")
        measures = {"sum": self.sum, "score_change": change}
        return Measurement(abs(self.sum - change) / abs(change), measures)
