"""What class activation maps without gradients share: channels weighed by scores."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.cam import Cam, to_image_grid
from torchesegeta.methods.readouts import need
from torchesegeta.sweeps import Read, Readout, Sample


@dataclass(frozen=True, eq=False)
class Scored:
    """A layer's channels with their scores.

    Attributes:
        activation: (C, *layer), of the image.
        channels: (N,), numbers of the channels that were tried.
        scores: (N,).
        whole_score: Of the image.
        change: score(image) − score(baseline), of sweeps with a baseline.
    """

    activation: Tensor
    channels: Tensor
    scores: Tensor
    whole_score: float
    change: float | None


class ChannelCam(Cam):
    """A class activation map whose channels are weighed by the scores of masked passes: forwards only."""

    reads = Read.SCORE | Read.ACTIVATION

    def readout(self, context: Context) -> Readout:
        """(1, *spatial)."""
        return _Weighed(self, context)

    @abstractmethod
    def weights(self, scored: Scored) -> Tensor:
        """Weights of the channels that were tried: (N,)."""

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Σ_c w_c · a_c, the weights standing in for the gradient."""
        return (g * a).sum(1, keepdim=True)

    def map_of(self, scored: Scored, context: Context) -> Tensor:
        """The map, without a batch axis."""
        a = scored.activation[None]
        weights = a.new_zeros(a.shape[1])
        weights[scored.channels] = self.weights(scored).to(weights)
        cam = self.combine(a, weights.view(1, -1, *[1] * (a.ndim - 2)))
        cam = cam.relu() if self.relu else cam
        return (to_image_grid(cam, context.shape, self.interpolation) if self.upsample else cam)[0]


@dataclass
class _Weighed:
    method: ChannelCam
    context: Context
    channels: list[Tensor] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    activation: Tensor | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.channels.append(need(sample.rows))
        self.scores.append(need(sample.scores))
        self.activation, self.whole_score = need(sample.activation)[0], sample.whole_score

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        scored = Scored(
            need(self.activation),
            torch.cat(self.channels),
            torch.cat(self.scores),
            self.whole_score,
            self.context.score_change,
        )
        return self.method.map_of(scored, self.context)
