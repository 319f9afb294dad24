"""Choices of methods with a name, for those who do not want to choose."""

from __future__ import annotations

from torchesegeta.methods import methods
from torchesegeta.web.answers import Preset, Row

QUICK = ("saliency", "input_x_gradient", "integrated_gradients", "layer_gradcam")
PAPER = (
    *("feature_permutation", "shapley_value_sampling", "feature_ablation", "occlusion", "rise"),
    *("extremal_perturbation", "score_cam"),
    *("saliency", "guided_backprop", "deconvolution", "input_x_gradient", "integrated_gradients", "grad_times_image"),
    *("deeplift", "deeplift_shap", "gradient_shap", "guided_gradcam", "gradcam_plus_plus", "vanilla_backprop"),
    "smoothgrad",
    *("inverted_representation", "layer_activation_guided_backprop", "layer_deeplift", "layer_deeplift_shap"),
    *("layer_gradcam", "layer_gradient_shap", "layer_conductance", "internal_influence", "excitation_backprop"),
    *("layer_activation", "linear_approximation", "layer_gradient_x_activation"),
    *("deep_dream", "lime", "kernel_shap"),
)
"""Methods that the paper describes (Chatterjee et al. 2022, sections 2.2 and 2.3), in its order."""
LIGHTER: dict[str, Row] = {"integrated_gradients": {"steps": 16}}
"""Fewer points, for a first look."""


def presets() -> list[Preset]:
    """The presets, of methods that there are."""
    known = methods()
    one_image = [name for name, m in known.items() if m.fewest_images == 1 and m.family != "Other libraries"]
    quick = [_entry(name, LIGHTER.get(name)) for name in QUICK if name in known]
    return [
        Preset(
            name="quick",
            title="Quick look",
            summary="Four methods that take seconds: gradients, one path, and a map of the deepest layer.",
            methods=quick,
        ),
        Preset(
            name="paper",
            title="The paper's set",
            summary="The methods of the paper (Chatterjee et al. 2022) that explain one image; hours on a CPU.",
            methods=[name for name in PAPER if name in one_image],
        ),
        Preset(
            name="everything",
            title="Everything",
            summary="Every method that explains a single image. Masks and optimised pictures can take hours.",
            methods=list(one_image),
        ),
    ]


def _entry(name: str, fields: Row | None) -> str | Row:
    return {"name": name, **fields} if fields else name
