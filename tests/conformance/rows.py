"""What each method of the registry must yield."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = Literal["image", "image map", "layer", "layer map"]
"""The image's or the layer's shape, with its channels or, as a `map`, with a single one."""


@dataclass(frozen=True)
class Row:
    """A method's parameters in the suite (few passes), the shape of its maps, and what their sum promises.

    A map `of_layer` explains a layer, whatever its shape.
    """

    shape: Shape
    parameters: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False
    of_layer: bool = False

    @property
    def layers(self) -> bool:
        """Whether the method makes maps of layers."""
        return self.of_layer or self.shape != "image"


STEPS = {"steps": 4, "baseline": 0.2}
SAMPLES = {"samples": 4}
MIXED = {"samples": 4, "sigma": 0.05, "baselines": ["minimum", "blur"]}

ROWS = {
    "deconvolution": Row("image"),
    "deeplift": Row("image", {"baseline": 0.2}, complete=True),
    "deeplift_shap": Row("image", {"baselines": [0.2, "blur"]}),
    "eigen_cam": Row("image map"),
    "grad_times_image": Row("image"),
    "gradcam": Row("image map"),
    "gradcam_plus_plus": Row("image map"),
    "gradient_shap": Row("image", MIXED),
    "guided_backprop": Row("image"),
    "guided_gradcam": Row("image", of_layer=True),
    "hires_cam": Row("image map"),
    "input_x_gradient": Row("image"),
    "integrated_gradients": Row("image", STEPS, complete=True),
    "internal_influence": Row("layer", STEPS),
    "layer_activation": Row("layer"),
    "layer_activation_guided_backprop": Row("image", {"filter": 1}, of_layer=True),
    "layer_cam": Row("image map"),
    "layer_conductance": Row("layer", STEPS, complete=True),
    "layer_deeplift": Row("layer", {"baseline": 0.2}, complete=True),
    "layer_deeplift_shap": Row("layer", {"baselines": ["minimum", "blur"]}),
    "layer_gradcam": Row("layer map"),
    "layer_gradient_shap": Row("layer", MIXED),
    "layer_gradient_x_activation": Row("layer"),
    "linear_approximation": Row("layer map"),
    "saliency": Row("image"),
    "smoothgrad": Row("image", SAMPLES),
    "smoothgrad_squared": Row("image", SAMPLES),
    "vanilla_backprop": Row("image"),
    "vargrad": Row("image", SAMPLES),
    "xgrad_cam": Row("image map"),
}
