"""Grad × image: another name of input × gradient (Shrikumar et al. 2016, arXiv:1605.01713)."""

from __future__ import annotations

from torchesegeta.methods.input_x_gradient import InputXGradient
from torchesegeta.methods.registry import register


@register("grad_times_image")
class GradTimesImage(InputXGradient):
    """The gradient times the image: the same map as `input_x_gradient`."""

    title = "Gradient × image"
