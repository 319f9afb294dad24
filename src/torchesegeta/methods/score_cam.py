"""Score-CAM: channels weighed by the score of the image seen through them (Wang et al. 2020, arXiv:1910.01279)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from torch import Tensor

from torchesegeta.baselines import ZERO, BaselineField, baseline_warning
from torchesegeta.methods.base import Context
from torchesegeta.methods.channel_cam import ChannelCam, Scored
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, Sweep, Through


@register("score_cam")
class ScoreCam(ChannelCam):
    """A layer's channels, weighed by how well the target shows in the image seen through each of them."""

    title = "Score-CAM"
    source = "Wang et al. 2020, arXiv:1910.01279"

    baseline: BaselineField = Field(ZERO, description="What masked voxels are set to: a value, a name or an image.")
    weighing: Literal["change", "softmax", "score"] = Field(
        "change",
        description="Score less the baseline's score; its softmax over channels, which saturates for sums over a "
        "region; or the score itself, for targets that are probabilities.",
    )
    top: int | None = Field(None, ge=1, description="Only so many channels, those that vary most; without: all.")
    scale_first: bool = Field(False, description="Scale a channel to [0, 1] before it is enlarged, not after.")
    align_corners: bool = Field(False, description="Enlarge channels with their corner voxels aligned.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One mask per channel."""
        return self.sweeps_over(self.layers or ())

    def sweeps_over(self, places: Sequence[str | None]) -> tuple[Sweep, ...]:
        """One mask per channel of every layer."""
        layers = tuple(place for place in places if place is not None)
        return (Mask(Through(layers, self.top, self.scale_first, self.align_corners), self.baseline),)

    def weights(self, scored: Scored) -> Tensor:
        """See `ChannelCam.weights`."""
        change = scored.scores - (scored.whole_score - (scored.change or 0.0))
        if self.weighing == "softmax":
            return change.softmax(0)
        if self.weighing == "change":
            return change
        tried = scored.activation[scored.channels].flatten(1)
        return scored.scores * (tried.amax(1) > tried.amin(1))

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background."""
        said = baseline_warning(self.baseline, context.image)
        return [] if said is None else [said]
