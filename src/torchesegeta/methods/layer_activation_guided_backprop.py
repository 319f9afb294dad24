"""Guided backpropagation from one filter of a layer (Springenberg et al. 2015, arXiv:1412.6806)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, zeros_like

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import activation, input_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Guided
from torchesegeta.sweeps import Gradient, Read, Readout, Sample, Sweep


@register("layer_activation_guided_backprop")
class LayerActivationGuidedBackprop(RuleMethod, LayerMethod):
    """What in the image excites one filter of a layer; no target is read.

    The score is Σ |activation of the filter|, its gradient goes back under the rule of guided backpropagation.
    """

    title = "Guided backpropagation of a filter"
    source = "Springenberg et al. 2015, arXiv:1412.6806"
    quantity = "guided ∂Σ|a|/∂x"
    reads = Read.SEEDED_GRADIENT

    filter: int = Field(0, ge=0, description="Number of the layer's channel, counted from 0.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass under the rule."""
        return (Gradient(Guided(unknown=self.unknown)),)

    def in_image_space(self, layer: str | None) -> bool:
        """Always."""
        return True

    def seed_layer(self, place: str | None) -> str | None:
        """The layer that is explained."""
        return place

    def seeds(self, sample: Sample) -> Sequence[tuple[float, Tensor]]:
        """The sign of the filter's activation, zero elsewhere."""
        a = activation(sample)
        if a.ndim < 2 or self.filter >= a.shape[1]:
            raise IncompatibleError(f"filter {self.filter}: the layer puts out {tuple(a.shape)}")
        start = zeros_like(a)
        start[:, self.filter] = a[:, self.filter].sign()
        return [(1, start)]

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return single(input_gradient)
