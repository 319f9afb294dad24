"""What class activation maps share: a weighted sum of a layer's channels, brought to the image's grid."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import BOTH, activation, layer_gradient, single
from torchesegeta.sweeps import Gradient, Readout, Sample, Sweep


def over_space(values: Tensor) -> tuple[int, ...]:
    """The spatial axes of (B, C, *spatial): all of them, in 2D as in 3D."""
    return tuple(range(2, values.ndim))


def check_spatial(layer: str | None, values: Tensor, context: Context) -> None:
    """Refuse layers whose output is not (B, C, *spatial) in the image's dimension.

    Raises:
        IncompatibleError: With the shape found.
    """
    if values.ndim != context.image.ndim + 1:
        raise IncompatibleError(
            f"layer {layer!r} puts out {tuple(values.shape)}; a class activation map needs (batch, channels) and "
            f"{context.image.ndim - 1} spatial axes"
        )


def to_image_grid(cam: Tensor, shape: tuple[int, ...], mode: str) -> Tensor:
    """Resize (B, C, *layer) to (B, C, *shape); `linear` is bilinear in 2D, trilinear in 3D."""
    if mode == "nearest":
        return interpolate(cam, shape, mode="nearest-exact")
    return interpolate(cam, shape, mode=LINEAR[len(shape)], align_corners=False)


class Cam(LayerMethod):
    """A class activation map: one positive picture per layer, on the image's grid.

    Subclasses say how channels are weighed.
    """

    family = "Class activation map"
    quantity = "class activation"
    reads = BOTH

    relu: bool = Field(True, description="Keep only what speaks for the target.")
    upsample: bool = Field(True, description="Bring the map to the image's grid; else keep the layer's.")
    interpolation: Literal["linear", "nearest"] = Field("linear", description="How the map is resized.")

    @property
    def signed(self) -> bool:
        """Only without the ReLU."""
        return not self.relu

    def in_image_space(self, layer: str | None) -> bool:
        """Where it was resized."""
        return self.upsample

    def sweeps(self) -> tuple[Sweep, ...]:
        """One gradient pass."""
        return (Gradient(),)

    def readout(self, context: Context) -> Readout:
        """(1, *spatial)."""
        return single(lambda sample: self._map(sample, context))

    def _map(self, sample: Sample, context: Context) -> Tensor:
        a, g = activation(sample), layer_gradient(sample)
        check_spatial(context.layer, a, context)
        cam = self.combine(a, g)
        cam = cam.relu() if self.relu else cam
        return to_image_grid(cam, context.shape, self.interpolation) if self.upsample else cam

    @abstractmethod
    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """The map before ReLU and resizing.

        Args:
            a: Activation (B, C, *layer).
            g: Gradient (B, C, *layer).

        Returns:
            (B, 1, *layer).
        """
