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
    Pictures of a shape of their own have the `sizes` (*spatial), by dimension; a plane of pictures is `tiled` so often
    along its first two axes.
    A method `of_set` gets further images beside the one that is looked at.
    """

    shape: Shape
    parameters: Mapping[str, Any] = field(default_factory=dict)
    complete: bool = False
    of_layer: bool = False
    labelled: bool = False
    of_set: bool = False
    sizes: Mapping[int, tuple[int, ...]] | None = None
    tiled: int = 1

    @property
    def layers(self) -> bool:
        """Whether the method makes maps of layers."""
        return self.of_layer or self.shape not in ("image", "feature map")


STEPS = {"steps": 4, "baseline": 0.2}
SAMPLES = {"samples": 4}
MIXED = {"samples": 4, "sigma": 0.05, "baselines": ["minimum", "blur"]}
COALITIONS = {"samples": 12, "baseline": 0.2}
BLOCKS = {"features": 5, "baseline": 0.2}

CELLS = {
    **{"steps": 2, "learning_rate": 1e-3, "cosine_power": 1.0, "transforms": "none"},
    **{"parameterisation": "pixel", "colours": "none"},
}
"""Adam's first steps are signs of gradients: small ones keep those near 0 within rounding."""
ATLAS = {**CELLS, "grid": 2, "samples": 6, "layout": "pca"}

ROWS = {
    "ablation_cam": Row("image map", {"relu": False}),
    "activation_atlas": Row("image", ATLAS, of_layer=True, of_set=True, sizes={2: (18, 22), 3: (16, 18, 10)}, tiled=2),
    "activation_grid": Row("image", {**CELLS, "cells": 1}, of_layer=True),
    "blur_integrated_gradients": Row("image", {"steps": 4, "sigma": 2.0}, complete=True),
    "building_blocks": Row("image", {**CELLS, "components": 1}, of_layer=True),
    "deconvolution": Row("image"),
    "deeplift": Row("image", {"baseline": 0.2}, complete=True),
    "deeplift_shap": Row("image", {"baselines": [0.2, "blur"]}),
    "captum": Row("image"),
    "class_image": Row("image", {"steps": 3, "blur_every": 2}),
    "contrastive_excitation_backprop": Row("layer map", of_layer=True),
    "deep_dream": Row("image", {"octaves": 2, "steps": 2, "jitter": 2}, of_layer=True),
    "eigen_cam": Row("image map"),
    "excitation_backprop": Row("layer", of_layer=True),
    "expected_gradients": Row("image", {"samples": 4, "baselines": ["minimum", "blur"]}),
    "extremal_perturbation": Row("feature map", {"areas": [0.3], "steps": 4, "max_blur": 3.0}),
    "feature_ablation": Row("feature map", BLOCKS),
    "feature_permutation": Row("feature map", {"permutations": 2}, labelled=True, of_set=True),
    "feature_visualization": Row("image", {"channels": 1, "steps": 3, "transforms": "none"}, of_layer=True),
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
    "inverted_representation": Row("image", {"steps": 3}, of_layer=True),
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
