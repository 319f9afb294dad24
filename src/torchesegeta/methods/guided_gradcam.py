"""Guided Grad-CAM: guided backpropagation × Grad-CAM on the image's grid (Selvaraju et al. 2017, arXiv:1610.02391)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.cam import check_spatial, to_image_grid
from torchesegeta.methods.layer_gradcam import gradcam_sum
from torchesegeta.methods.readouts import BOTH, activation, input_gradient, layer_gradient, need, single
from torchesegeta.methods.registry import register
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Guided
from torchesegeta.sweeps import Gradient, Read, Readout, Sample, Sweep


def _cam(sample: Sample, context: Context, interpolation: str) -> Tensor:
    """(B, 1, *spatial)."""
    a = activation(sample)
    check_spatial(context.layer, a, context)
    cam = gradcam_sum(a, layer_gradient(sample)).relu()
    return to_image_grid(cam, context.shape, interpolation)


@dataclass
class _Product:
    """Takes the Grad-CAM of the first sweep, then the guided gradient of the second."""

    context: Context
    interpolation: str
    cam: Tensor | None = None
    guided: Tensor | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        if sample.gradient is None:
            self.guided = input_gradient(sample)[0]
        else:
            self.cam = _cam(sample, self.context, self.interpolation)[0]

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return need(self.cam) * need(self.guided)

    def piece(self) -> Readout:
        """See `Joining.piece`: a patch's Grad-CAM."""
        return single(lambda sample: _cam(sample, self.context, self.interpolation))

    def join(self, blended: Tensor) -> None:
        """See `Joining.join`."""
        self.cam = blended


@register("guided_gradcam")
class GuidedGradCam(RuleMethod, LayerMethod):
    """The crisp edges of guided backpropagation, inside the regions of a layer's Grad-CAM."""

    title = "Guided Grad-CAM"
    source = "Selvaraju et al. 2017, arXiv:1610.02391"
    quantity = "guided ∂score/∂x · class activation"
    reads = BOTH | Read.INPUT_GRADIENT
    joins = True

    interpolation: Literal["linear", "nearest"] = Field("linear", description="How the Grad-CAM is resized.")

    def sweeps(self) -> tuple[Sweep, ...]:
        """A plain gradient pass for the Grad-CAM, and one under the rule."""
        return (Gradient(), Gradient(Guided(unknown=self.unknown)))

    def reads_of(self, sweep: int, layer: str | None) -> Read:
        """The layer of the first, the image of the second."""
        return BOTH if sweep == 0 else Read.INPUT_GRADIENT

    def in_image_space(self, layer: str | None) -> bool:
        """Always."""
        return True

    def readout(self, context: Context) -> Readout:
        """(C, *spatial)."""
        return _Product(context, self.interpolation)
