"""Ablation-CAM: channels weighed by the score's drop without them (Desai & Ramaswamy 2020)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from torchesegeta.methods.channel_cam import ChannelCam, Scored
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Mask, Sweep, Without


@register("ablation_cam")
class AblationCam(ChannelCam):
    """A layer's channels, weighed by the share of the score that is lost when a channel is set to zero."""

    title = "Ablation-CAM"
    source = "Desai & Ramaswamy 2020, doi:10.1109/WACV45572.2020.9093360"

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass per channel."""
        return self.sweeps_over(self.layers or ())

    def sweeps_over(self, places: Sequence[str | None]) -> tuple[Sweep, ...]:
        """One pass per channel of every layer."""
        return (Mask(Without(tuple(place for place in places if place is not None))),)

    def weights(self, scored: Scored) -> Tensor:
        """(score − score without) / |score|: a negative score does not turn the map around."""
        return (scored.whole_score - scored.scores) / (abs(scored.whole_score) or 1.0)
