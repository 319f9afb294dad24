"""What methods on the path from a baseline to the image share."""

from __future__ import annotations

from pydantic import Field, model_validator
from torch import Tensor

from torchesegeta.baselines import ZERO, BaselineField, baseline_warning
from torchesegeta.methods.base import Context, Method
from torchesegeta.sweeps import Path, Sweep
from torchesegeta.sweeps.quadrature import Quadrature

LARGE_GAP = 0.05
"""A completeness gap above this share of the score's change is said aloud."""


class PathMethod(Method):
    """A method that integrates along the straight line from a baseline to the image."""

    baseline: BaselineField = Field(ZERO, description="What stands for 'nothing there': a value, a name or an image.")
    steps: int = Field(50, ge=1, le=10_000, description="Points on the path: forward and backward passes.")
    quadrature: Quadrature = Field("gauss_legendre", description="How the points are placed and weighed.")

    @model_validator(mode="after")
    def _two_ends(self) -> PathMethod:
        if self.quadrature == "riemann_trapezoid" and self.steps < 2:
            raise ValueError("the trapezoid rule needs steps >= 2")
        return self

    def sweeps(self) -> tuple[Sweep, ...]:
        """One path."""
        return (Path(self.baseline, self.steps, self.quadrature),)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background; a large completeness gap."""
        said = baseline_warning(self.baseline, context.image)
        return [*([] if said is None else [said]), *more_steps(measures, self.steps)]


def share_of_change(values: Tensor, context: Context) -> float | None:
    """Σ values / (score(image) − score(baseline)); None where the score does not change."""
    if not context.score_change:
        return None
    return float(values.double().sum()) / context.score_change


def completeness_gap(values: Tensor, context: Context) -> dict[str, float]:
    """|Σ values − Δscore| / |Δscore| as a measure; none where the score does not change."""
    share = share_of_change(values, context)
    return {} if share is None else {"completeness_gap": abs(share - 1)}


def more_steps(measures: dict[str, float], steps: int) -> list[str]:
    """The caution of a path whose completeness gap is large."""
    gap = measures.get("completeness_gap", 0.0)
    if gap <= LARGE_GAP:
        return []
    return [f"the map's sum misses the score's change by {gap:.1%}: take more steps than {steps}"]
