"""Which of our maps answers which stored array: the references' methods and parameters in our words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from torchesegeta.targets.base import Activation

from .loader import Entry

QUADRATURES = {
    "gausslegendre": "gauss_legendre",
    "riemann_trapezoid": "riemann_trapezoid",
    "riemann_middle": "riemann_middle",
}


def unchanged(values: Tensor) -> Tensor:
    """Nothing more is done to the map."""
    return values


@dataclass(frozen=True)
class Comparison:
    """One of our maps and the stored array that it must equal.

    Attributes:
        method: Our method.
        array: Name of the stored array.
        parameters: Our parameters; a function makes its value from the stored arrays.
        stored: Our parameters whose values are stored arrays: parameter name to array name.
        given: Our parameters whose values are among the network's inputs: parameter name to array name.
        activation: What turns logits into the probabilities that are explained; None explains logits.
        images: Name of the stored array of images that are explained together; None: the network's one image.
        after: What the reference goes on to do with its map.
    """

    method: str
    array: str = "map"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)
    activation: Activation | None = None
    images: str | None = None
    after: Callable[[Tensor], Tensor] = unchanged


def repeated(entry: Entry) -> Callable[[Tensor], Tensor]:
    """Captum's maps of features: the same in every channel."""
    dims = 2 if entry.model.endswith("2d") else 3
    return lambda values: values.expand(
        *values.shape[: -dims - 1], 3 if entry.model == "cnn2d" else 1, *values.shape[-dims:]
    )


def largest_channel(values: Tensor) -> Tensor:
    """TorchRay's saliency: the largest value over the channels."""
    return values.amax(dim=0, keepdim=True)


def smoothed(values: Tensor) -> Tensor:
    """TorchRay's smoothing of its saliency: a Gaussian of 2 % of the longest side, borders repeated."""
    deviation = 0.02 * max(values.shape[1:])
    spread = gaussian_filter(largest_channel(values)[0].numpy(), deviation, mode="nearest", radius=ceil(4 * deviation))
    return torch.from_numpy(spread)[None]


def channel_sum(values: Tensor) -> Tensor:
    """One channel from many."""
    return values.sum(dim=0, keepdim=True)


def stretched(values: Tensor) -> Tensor:
    """cnn-visualizations' scaling to 0 … 1."""
    return (values - values.min()) / (values.max() - values.min())


def started_at_one(values: Tensor) -> Tensor:
    """cnn-visualizations' Grad-CAM: the sum over channels starts from ones, then ReLU and scaling."""
    return stretched((values + 1).clamp(min=0))


def largest_magnitude(values: Tensor) -> Tensor:
    """TorchRay's saliency of a signed map: the largest magnitude over the channels."""
    return values.abs().amax(dim=0, keepdim=True)


def captum_trapezoid(steps: int) -> Callable[[Tensor], Tensor]:
    """Captum's trapezoid: spaced 1 / (n − 1) but weighted 1 / n, so that its weights add up to (n − 1) / n."""
    return lambda values: values * (steps - 1) / steps


def _simple(*methods: str) -> Callable[[Entry], list[Comparison]]:
    return lambda entry: [Comparison(method) for method in methods]


def _saliency(entry: Entry) -> list[Comparison]:
    if entry.parameters["abs"]:
        return [Comparison("saliency")]
    return [Comparison("saliency", parameters={"absolute": False}), Comparison("vanilla_backprop")]


def _integrated_gradients(entry: Entry) -> list[Comparison]:
    parameters = {
        "steps": entry.parameters["n_steps"],
        "quadrature": QUADRATURES[entry.parameters["method"]],
        "multiply_by_inputs": entry.parameters.get("multiply_by_inputs", True),
    }
    after = captum_trapezoid(parameters["steps"]) if "trapezoid" in entry.variant else unchanged
    stored = {"baseline": "baseline"} if "baseline" in entry.arrays else {}
    return [Comparison("integrated_gradients", "map", parameters, stored, after=after)]


def _both_ends(entry: Entry) -> list[Comparison]:
    steps = entry.parameters["steps"] + 1
    parameters = {"steps": steps, "quadrature": "riemann_trapezoid", "multiply_by_inputs": False}
    return [Comparison("integrated_gradients", parameters=parameters)]


def _along_path(method: str) -> Callable[[Entry], list[Comparison]]:
    return lambda entry: [Comparison(method, parameters={"steps": entry.parameters["n_steps"]})]


def _layer_gradcam(entry: Entry) -> list[Comparison]:
    return [
        Comparison("layer_gradcam"),
        Comparison("layer_gradcam", "relu_map", {"relu": True}),
        *(Comparison("gradcam", name, {"relu": False}) for name in entry.arrays if name.endswith("linear")),
    ]


def _noisy(method: str, samples: str) -> Callable[[Entry], list[Comparison]]:
    def comparisons(entry: Entry) -> list[Comparison]:
        stored = {"baselines": "baselines"} if "baselines" in entry.arrays else {}
        return [Comparison(method, parameters={"samples": entry.parameters[samples]}, stored=stored)]

    return comparisons


def _low_resolution(
    method: str, array: str, *, after: Callable[[Tensor], Tensor] = unchanged, **parameters: Any
) -> Callable[[Entry], list[Comparison]]:
    given = {"upsample": False, "relu": False} | parameters
    return lambda entry: [Comparison(method, array, given, after=after)]


def _torchray_gradient(entry: Entry) -> list[Comparison]:
    if entry.variant == "raw":
        return [Comparison("vanilla_backprop")]
    return [Comparison("saliency", after=smoothed if entry.variant == "smooth" else largest_channel)]


def _torchray_gradcam(entry: Entry) -> list[Comparison]:
    return [Comparison("gradcam", "map", {"upsample": False}), Comparison("gradcam", "up")]


def _torchray_rule(method: str) -> Callable[[Entry], list[Comparison]]:
    return lambda entry: [Comparison(method, after=unchanged if entry.variant == "raw" else largest_magnitude)]


def _guided_gradcam(entry: Entry) -> list[Comparison]:
    interpolation = "nearest" if entry.parameters.get("interpolate_mode") == "nearest" else "linear"
    return [Comparison("guided_gradcam", parameters={"interpolation": interpolation})]


def _of_filter(entry: Entry) -> list[Comparison]:
    return [Comparison("layer_activation_guided_backprop", parameters={"filter": entry.parameters["filter_pos"]})]


def _cnnvis_smooth(entry: Entry) -> list[Comparison]:
    return [Comparison("smoothgrad", parameters={"samples": entry.parameters["param_n"], "of": entry.variant})]


def _deeplift(method: str) -> Callable[[Entry], list[Comparison]]:
    def comparisons(entry: Entry) -> list[Comparison]:
        name = "baselines" if method.endswith("shap") else "baseline"
        return [Comparison(method, stored={name: name} if name in entry.arrays else {})]

    return comparisons


def _torchray_linear(entry: Entry) -> list[Comparison]:
    if entry.variant == "input":
        return [Comparison("input_x_gradient", after=channel_sum)]
    return [Comparison("linear_approximation"), Comparison("hires_cam", "up", {"relu": False})]


def _ablation(entry: Entry) -> list[Comparison]:
    return [Comparison("feature_ablation", stored={"features": "feature_mask"}, after=repeated(entry))]


def _exact_shapley(entry: Entry) -> list[Comparison]:
    """With few features every coalition is tried."""
    return [Comparison("kernel_shap", stored={"features": "feature_mask"}, after=repeated(entry))]


def _shapley_sampling(entry: Entry) -> list[Comparison]:
    parameters = {"permutations": entry.parameters["n_samples"]}
    return [
        Comparison("shapley_value_sampling", "map", parameters, {"features": "feature_mask"}, after=repeated(entry))
    ]


def captum_penalty(stored: Mapping[str, Tensor]) -> float:
    """Captum's penalty of 0.01 in standard deviations of its scores."""
    weights, outputs = stored["weights"].double(), stored["outputs"].double()
    mean = (weights * outputs).sum() / weights.sum()
    return float(0.01 / ((weights * (outputs - mean) ** 2).sum() / weights.sum()).sqrt())


def _lime(entry: Entry) -> list[Comparison]:
    parameters = {"samples": entry.parameters["n_samples"], "paired": False, "distance": "image", "kernel_width": 1.0}
    stored = {"features": "feature_mask"}
    return [Comparison("lime", "map", parameters | {"alpha": captum_penalty}, stored, after=repeated(entry))]


def _rise(entry: Entry) -> list[Comparison]:
    """Its masks are given; TorchRay divides by their number and reads sigmoids of classes' logits."""
    parameters = {"masks": lambda stored: len(stored["grids"]), "normalise": "count"}
    return [Comparison("rise", parameters=parameters, activation="sigmoid")]


def upscaled(values: Tensor) -> Tensor:
    """Score-CAM's last steps: ReLU at full resolution, then scaling to 0 … 1."""
    return stretched(values.clamp(min=0))


def _score_cam(entry: Entry) -> list[Comparison]:
    """The paper's authors weigh by probabilities and enlarge before they sum, which is the same as after."""
    full = {"weighing": "score", "relu": False}
    whole = [Comparison("score_cam", "up_raw", full, activation="softmax")] if entry.source == "own" else []
    name = "up" if entry.source == "scorecam" else "up_norm"
    return [*whole, Comparison("score_cam", name, full, activation="softmax", after=upscaled)]


def _torchcam_score_cam(entry: Entry) -> list[Comparison]:
    parameters = {"weighing": "softmax", "scale_first": True, "upsample": False}
    return [Comparison("score_cam", parameters=parameters)]


def _cnnvis_score_cam(entry: Entry) -> list[Comparison]:
    parameters = {"weighing": "score", "relu": False, "upsample": False}
    return [Comparison("score_cam", "low_norm", parameters, activation="softmax", after=started_at_one)]


def _permutation(entry: Entry) -> list[Comparison]:
    """Captum's maps of all four images."""
    stored = {"features": "feature_mask"}
    return [Comparison("feature_permutation", stored=stored, images="batch", after=repeated(entry))]


def _occlusion(entry: Entry) -> list[Comparison]:
    _, *window = entry.parameters["sliding_window_shapes"]
    _, *stride = entry.parameters["strides"]
    parameters = {"window": window, "stride": stride, "per_channel": "per_channel" in entry.variant}
    given = {"baseline": "baselines"} if "baselines" in str(entry.parameters["baseline"]) else {}
    after = unchanged if parameters["per_channel"] else repeated(entry)
    return [Comparison("occlusion", "map", parameters, given=given, after=after)]


def _excitation(entry: Entry) -> list[Comparison]:
    """At the image TorchRay puts negative values into the formula as they are."""
    parameters = {} if entry.layer else {"layers": [], "negative": "signed"}
    names = [name for name in ("map", "map_channels") if name in entry.arrays]
    after = {"map": channel_sum, "map_channels": unchanged}
    return [Comparison("excitation_backprop", name, parameters, after=after[name]) for name in names]


def _relevance(entry: Entry) -> list[Comparison]:
    """Stored at the inputs of the layers, numbered through: what the layer before put out. The image is left out."""
    layers = [*(f"features.{i}" for i in range(8)), *(f"classifier.{i}" for i in range(3))]
    given = {"rule": "gamma", "gamma": 0.05, "epsilon": 1e-9}
    return [Comparison("lrp", f"relevance_{i + 1}", {**given, "layers": [layer]}) for i, layer in enumerate(layers)]


def _contrastive(entry: Entry) -> list[Comparison]:
    """TorchRay lets the signed difference go on."""
    parameters = {"contrast_layer": entry.parameters["contrast_layer"], "normalise": False}
    return [Comparison("contrastive_excitation_backprop", "map", parameters)]


TABLE: dict[str, Callable[[Entry], list[Comparison]]] = {
    "captum.Saliency": _saliency,
    "captum.InputXGradient": _simple("input_x_gradient", "grad_times_image"),
    "captum.IntegratedGradients": _integrated_gradients,
    "captum.GuidedBackprop": _simple("guided_backprop"),
    "captum.Deconvolution": _simple("deconvolution"),
    "captum.GuidedGradCam": _guided_gradcam,
    "captum.DeepLift": _deeplift("deeplift"),
    "captum.DeepLiftShap": _deeplift("deeplift_shap"),
    "captum.LayerDeepLift": _deeplift("layer_deeplift"),
    "captum.LayerDeepLiftShap": _deeplift("layer_deeplift_shap"),
    "captum.LayerActivation": _simple("layer_activation"),
    "captum.LayerGradCam": _layer_gradcam,
    "captum.LayerGradientXActivation": _simple("layer_gradient_x_activation"),
    "captum.LayerConductance": _along_path("layer_conductance"),
    "captum.InternalInfluence": _along_path("internal_influence"),
    "captum.NoiseTunnel_smoothgrad": _noisy("smoothgrad", "nt_samples"),
    "captum.NoiseTunnel_smoothgrad_sq": _noisy("smoothgrad_squared", "nt_samples"),
    "captum.NoiseTunnel_vargrad": _noisy("vargrad", "nt_samples"),
    "captum.FeatureAblation": _ablation,
    "captum.FeaturePermutation": _permutation,
    "captum.Lime": _lime,
    "captum.Occlusion": _occlusion,
    "captum.ShapleyValueExact": _exact_shapley,
    "captum.ShapleyValues": _exact_shapley,
    "captum.ShapleyValueSampling": _shapley_sampling,
    "captum.GradientShap": _noisy("gradient_shap", "n_samples"),
    "captum.LayerGradientShap": _noisy("layer_gradient_shap", "n_samples"),
    "cnnvis.vanilla_backprop": _simple("vanilla_backprop"),
    "cnnvis.grad_times_image": _simple("grad_times_image"),
    "cnnvis.integrated_gradients": _both_ends,
    "cnnvis.gradcam": _low_resolution("gradcam", "low_norm", after=started_at_one),
    "cnnvis.layercam": _low_resolution("layer_cam", "low_norm", after=stretched),
    "cnnvis.guided_backprop": _simple("guided_backprop"),
    "cnnvis.guided_gradcam": _guided_gradcam,
    "cnnvis.layer_activation_with_guided_backprop": _of_filter,
    "cnnvis.smooth_grad": _cnnvis_smooth,
    "cnnvis.LRP": _relevance,
    "esegeta.guided_backprop": _simple("guided_backprop"),
    "cnnvis.scorecam": _cnnvis_score_cam,
    "esegeta.vanilla_backprop": _simple("vanilla_backprop"),
    "esegeta.integrated_gradients": _both_ends,
    "jacobgil.GuidedBackprop": _simple("guided_backprop"),
    "jacobgil.GradCAM": _low_resolution("gradcam", "raw"),
    "jacobgil.GradCAMPlusPlus": _low_resolution("gradcam_plus_plus", "raw", epsilon=1e-6),
    "jacobgil.XGradCAM": _low_resolution("xgrad_cam", "raw"),
    "jacobgil.HiResCAM": _low_resolution("hires_cam", "raw"),
    "jacobgil.LayerCAM": _low_resolution("layer_cam", "raw"),
    "jacobgil.EigenCAM": _low_resolution("eigen_cam", "raw"),
    "jacobgil.AblationCAM": _low_resolution("ablation_cam", "raw"),
    "jacobgil.ScoreCAM": _low_resolution("score_cam", "raw", weighing="softmax", align_corners=True),
    "own.AblationCAM": _low_resolution("ablation_cam", "raw"),
    "own.ScoreCAM": _score_cam,
    "scorecam.ScoreCAM": _score_cam,
    "torchcam.ScoreCAM": _torchcam_score_cam,
    "own.GradCAMPlusPlus": _low_resolution("gradcam_plus_plus", "raw", epsilon=1e-6),
    "own.XGradCAM": _low_resolution("xgrad_cam", "raw"),
    "torchcam.GradCAM": _low_resolution("gradcam", "map", relu=True),
    "torchcam.GradCAMpp": _low_resolution(
        "gradcam_plus_plus", "map_fixed", relu=True, denominator="torch_cam", epsilon=1e-8
    ),
    "torchcam.XGradCAM": _low_resolution("xgrad_cam", "map", relu=True),
    "torchcam.LayerCAM": _low_resolution("layer_cam", "map", relu=True),
    "torchray.deconvnet": _torchray_rule("deconvolution"),
    "torchray.guided_backprop": _torchray_rule("guided_backprop"),
    "torchray.excitation_backprop": _excitation,
    "torchray.contrastive_excitation_backprop": _contrastive,
    "own.RISE_fixed_masks": _rise,
    "torchray.rise": _rise,
    "torchray.gradient": _torchray_gradient,
    "torchray.grad_cam": _torchray_gradcam,
    "torchray.linear_approx": _torchray_linear,
}


def comparisons(entry: Entry) -> list[Comparison]:
    """Our maps for an entry's arrays of high trust; none where the reference's method is not ours."""
    rule = TABLE.get(f"{entry.source}.{entry.method}")
    if rule is None:
        return []
    return [comparison for comparison in rule(entry) if entry.trusts(comparison.array)]


def difference(mine: Tensor, theirs: Tensor, measure: str) -> float:
    """How far two maps are apart, in the measure of the entry's tolerance; singleton axes do not count."""
    ours, reference = mine.squeeze().double(), theirs.squeeze().double()
    if ours.shape != reference.shape:
        raise AssertionError(f"our map is {tuple(ours.shape)}, the reference's {tuple(reference.shape)}")
    if measure == "abs_correlation_at_least":
        return float(torch.corrcoef(torch.stack([ours.flatten(), reference.flatten()]))[0, 1].abs())
    largest = float((ours - reference).abs().max())
    return largest / float(reference.abs().max()) if measure == "max_abs_diff_over_max_abs" else largest
