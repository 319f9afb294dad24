"""What each method of the registry must yield."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Shape = Literal["image", "image map", "layer", "layer map", "feature map"]
"""The image's or the layer's shape, with its channels or, as a `map`, with a single one.

A `feature map` has the image's shape and a single channel, and reads no layer.
"""


@dataclass(frozen=True)
class Row:
    """A method's parameters in the suite (few passes), the shape of its maps, and what their sum promises.

    A map `of_layer` explains a layer, whatever its shape.
    A `labelled` method gets a label map of features, so that draws of features are the same on permuted axes.
    A method `of_set` gets further images beside the one that is looked at.
    """

    shape: Shape
    parameters: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False
    of_layer: bool = False
    labelled: bool = False
    of_set: bool = False

    @property
    def layers(self) -> bool:
        """Whether the method makes maps of layers."""
        return self.of_layer or self.shape not in ("image", "feature map")


STEPS = {"steps": 4, "baseline": 0.2}
SAMPLES = {"samples": 4}
MIXED = {"samples": 4, "sigma": 0.05, "baselines": ["minimum", "blur"]}
COALITIONS = {"samples": 12, "baseline": 0.2}
BLOCKS = {"features": 5, "baseline": 0.2}

ROWS = {
    "ablation_cam": Row("image map", {"relu": False}),
    "blur_integrated_gradients": Row("image", {"steps": 4, "sigma": 2.0}, complete=True),
    "deconvolution": Row("image"),
    "deeplift": Row("image", {"baseline": 0.2}, complete=True),
    "deeplift_shap": Row("image", {"baselines": [0.2, "blur"]}),
    "captum": Row("image"),
    "contrastive_excitation_backprop": Row("layer map", of_layer=True),
    "eigen_cam": Row("image map"),
    "excitation_backprop": Row("layer", of_layer=True),
    "expected_gradients": Row("image", {"samples": 4, "baselines": ["minimum", "blur"]}),
    "extremal_perturbation": Row("feature map", {"areas": [0.3], "steps": 4, "max_blur": 3.0}),
    "feature_ablation": Row("feature map", BLOCKS),
    "feature_permutation": Row("feature map", {"permutations": 2}, labelled=True, of_set=True),
    "grad_times_image": Row("image"),
    "gradcam": Row("image map"),
    "gradcam_plus_plus": Row("image map"),
    "gradient_shap": Row("image", MIXED),
    "guided_backprop": Row("image"),
    "guided_gradcam": Row("image", of_layer=True),
    "guided_integrated_gradients": Row("image", {**STEPS, "reach": 0.2}),
    "hires_cam": Row("image map"),
    "hsic": Row("feature map", {"samples": 12}, labelled=True),
    "input_x_gradient": Row("image"),
    "integrated_gradients": Row("image", STEPS, complete=True),
    "internal_influence": Row("layer", STEPS),
    "kernel_shap": Row("feature map", COALITIONS, labelled=True),
    "layer_activation": Row("layer"),
    "layer_activation_guided_backprop": Row("image", {"filter": 1}, of_layer=True),
    "layer_cam": Row("image map"),
    "layer_conductance": Row("layer", STEPS, complete=True),
    "layer_deeplift": Row("layer", {"baseline": 0.2}, complete=True),
    "layer_deeplift_shap": Row("layer", {"baselines": ["minimum", "blur"]}),
    "layer_gradcam": Row("layer map"),
    "layer_gradient_shap": Row("layer", MIXED),
    "layer_gradient_x_activation": Row("layer"),
    "lime": Row("feature map", COALITIONS, labelled=True),
    "layer_visualization": Row("image", {"filter": 1, "steps": 3}, of_layer=True),
    "linear_approximation": Row("layer map"),
    "lrp": Row("image"),
    "occlusion": Row("feature map", {"window": 4, "stride": 3}),
    "rise": Row("feature map", {"masks": 6, "cells": 3}),
    "saliency": Row("image"),
    "score_cam": Row("image map"),
    "shapley_value_sampling": Row("feature map", {"permutations": 2, "baseline": 0.2}, labelled=True),
    "smoothgrad": Row("image", SAMPLES),
    "smoothgrad_squared": Row("image", SAMPLES),
    "sobol": Row("feature map", {"samples": 3}, labelled=True),
    "vanilla_backprop": Row("image"),
    "vargrad": Row("image", SAMPLES),
    "xgrad_cam": Row("image map"),
}
