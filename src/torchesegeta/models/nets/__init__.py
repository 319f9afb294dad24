"""Networks that come with the framework."""

from torchesegeta.models.nets.unet import UNet

__all__ = ["UNet"]
