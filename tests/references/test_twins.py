"""Each method against its slow twin, in 2D and 3D, for classification and segmentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any

import pytest
from torch import Tensor

import torchesegeta as te

from .cases import (
    LAYERS,
    ROLLS,
    Case,
    baseline,
    baselines,
    case,
    coalition_at,
    coins_at,
    companions,
    grid_at,
    labels,
    mixing_at,
    noise_at,
    permutation_at,
    sequence_of,
    shift_at,
    uniform,
)

Row = Mapping[str, Any]
Place = str | None

TOLERANCE = 1e-5
"""Of the map's largest value: both run in float32."""

FEATURE_COUNT = 5
"""Of `labels`."""

IMAGE: tuple[Place, ...] = (None,)
CAM: list[Row] = [{}, {"relu": False}, {"upsample": False}]
PATH: list[Row] = [{"steps": 6}, {"steps": 6, "baseline": 0.25}, {"steps": 5, "baseline": baseline}]
NOISE: list[Row] = [{"samples": 5}, {"samples": 3, "sigma": 0.3}]
MIXED: list[Row] = [{"samples": 5, "baselines": baselines}, {"samples": 4, "sigma": 0.05, "baselines": baselines}]
FEATURES: list[Row] = [{"features": labels}, {"features": labels, "baseline": baseline}]
SURROGATES: list[Row] = [
    {"samples": 20},
    {"samples": 15, "paired": False, "distance": "image", "kernel_width": 1.0, "alpha": 0.1},
    {"samples": 20, "surrogate": "ridge", "alpha": 1.0},
    {"samples": 20, "surrogate": "tree", "depth": 2},
]
RISE: list[Row] = [
    {"masks": 9, "cells": 3},
    {"masks": 5, "cells": 4, "baseline": baseline, "normalise": "expected", "share": 0.3},
    {"masks": 4, "cells": 2, "normalise": "count"},
]
FADE: Row = {"perturbation": "fade", "baseline": baseline}
DELETE: Row = {"variant": "delete", "levels": 3, "border": "zero"}
EXTREMAL: list[Row] = [
    {"areas": [0.2, 0.4], "steps": 6, "max_blur": 3.0},
    {"areas": [0.2, 0.4], "steps": 3, "max_blur": 3.0, "nested": False},
    {**DELETE, "areas": [0.3], "steps": 2, "area_growth": 1.0035, "cell": 2, "sigma": 3.5},
    {**FADE, "areas": [0.3], "steps": 3, "variant": "dual", "score_range": None, "area_growth": 1.0035},
]
REVEAL: Row = {"rule": "reveal_cancel"}
CONTRAST: list[Row] = [{"baseline": baseline}, REVEAL, {"baseline": baseline, **REVEAL}]
RULES = ("riemann_left", "riemann_right", "riemann_middle", "riemann_trapezoid")
ALONG: list[Row] = [*PATH, *({"steps": 6, "quadrature": rule} for rule in RULES)]

EXCITATION: list[Row] = [{"layers": []}, {"layers": [], "negative": "clamp", "lost": "keep"}]
OPPOSED: list[Row] = [{"layers": [], "contrast_layer": "second", "normalise": n} for n in (True, False)]
PARTS = [{"rule": "gamma", "at": "first"}, {"rule": "gamma", "at": [0.2, 0.5]}, {"rule": "alpha_beta"}]
RELEVANCE: list[Row] = [
    {},
    *({"rule": rule} for rule in ("epsilon", "zplus", "gamma", "alpha_beta", "flat")),
    {"rule": "epsilon", "epsilon": 0.5},
    {"rule": "gamma", "gamma": 1.5},
    {"rule": "alpha_beta", "alpha": 1.5},
    {"composite": "epsilon_plus_flat"},
    {"composite": PARTS},
]

STILL: Row = {"steps": 3, "transforms": "none"}
PLAIN: Row = {"parameterisation": "pixel", "colours": "none", "start": "middle"}
FEATURES_OF_LAYERS: list[Row] = [
    {**STILL, "channels": 3},
    {**STILL, "channels": 3, "value_range": "none", "start": "background"},
    {**STILL, "channels": 3, "of": "neuron", "start": "background"},
    {**STILL, **PLAIN, "of": "layer"},
]
FEATURES_OF_CLASSES: list[Row] = [{**STILL, "of": "class"}, {**STILL, **PLAIN, "of": "class"}]
FEW: Row = {"steps": 4}
DREAMS: list[Row] = [
    {"octaves": 2, "steps": 3},
    {"octaves": 3, "scale": 1.2, "steps": 2, "filter": 1, "jitter": 0, "learning_rate": 0.05},
    {"octaves": 1, "steps": 3, "keep_in_range": False},
]
OF_TARGETS: Row = {"of": "target", "octaves": 2, "steps": 3}
DREAMS_OF_TARGETS: list[Row] = [OF_TARGETS, {**OF_TARGETS, "keep_in_range": False}]
CELLS: Row = {
    **{"steps": 2, "transforms": "none", "parameterisation": "pixel", "colours": "none", "value_range": "none"},
    **{"cell_size": 7, "learning_rate": 3e-4, "cosine_power": 1.0},
}
"""Adam's first steps are signs of gradients: small ones keep those near 0 within rounding."""
BLOCKS: list[Row] = [{**CELLS, "components": count, "iterations": 2000} for count in (1, 3)]
ATLAS: list[Row] = [{**CELLS, "samples": 6, "grid": 2, "layout": "pca"}]

TWINS: dict[str, tuple[tuple[Place, ...], list[Row]]] = {
    "activation_atlas": (LAYERS, ATLAS),
    "activation_grid": (LAYERS, [{**CELLS, "cells": 2}, {**CELLS, "cells": 3, "sized_by_norm": True}]),
    "building_blocks": (LAYERS, BLOCKS),
    "deconvolution": (IMAGE, [{}]),
    "deeplift": (IMAGE, [{}, {"baseline": 0.25}, *CONTRAST]),
    "deeplift_shap": (IMAGE, [{"baselines": baselines}, {"baselines": baselines, **REVEAL}]),
    "ablation_cam": (LAYERS, CAM),
    "blur_integrated_gradients": (IMAGE, [{"steps": 4, "sigma": 2.0}, {"steps": 3, "sigma": 0.7}]),
    "captum": (IMAGE, [{}]),
    "class_image": (
        IMAGE,
        [{"steps": 6, "blur_every": 2}, {**FEW, "keep_in_range": False, "blur": 0, "decay": 0.1, "start": (0.2, 0.4)}],
    ),
    "contrastive_excitation_backprop": ((None, *LAYERS), OPPOSED),
    "deep_dream": (LAYERS, DREAMS),
    "eigen_cam": (LAYERS, CAM),
    "excitation_backprop": ((None, *LAYERS), EXCITATION),
    "expected_gradients": (IMAGE, [{"samples": 5, "baselines": baselines}]),
    "extremal_perturbation": (IMAGE, EXTREMAL),
    "feature_ablation": (IMAGE, FEATURES),
    "feature_permutation": (IMAGE, [{"features": labels}, {"features": labels, "permutations": 3}]),
    "feature_visualization": (LAYERS, FEATURES_OF_LAYERS),
    "grad_times_image": (IMAGE, [{}]),
    "gradcam": (LAYERS, CAM),
    "gradcam_plus_plus": (LAYERS, [*CAM, {"epsilon": 1e-3}, {"denominator": "torch_cam"}]),
    "gradient_shap": (IMAGE, MIXED),
    "guided_backprop": ((None, *LAYERS), [{}]),
    "guided_gradcam": (LAYERS, [{}]),
    "guided_integrated_gradients": (
        IMAGE,
        [{"steps": 4, "reach": 0.2}, {"steps": 5, "reach": 0.3, "fraction": 0.4, "baseline": baseline}],
    ),
    "hires_cam": (LAYERS, CAM),
    "hsic": (IMAGE, [{**row, "samples": 12} for row in FEATURES]),
    "input_x_gradient": (IMAGE, [{}]),
    "integrated_gradients": (IMAGE, [*ALONG, {"steps": 5, "baseline": baseline, "multiply_by_inputs": False}]),
    "internal_influence": (LAYERS, ALONG),
    "inverted_representation": (
        LAYERS,
        [
            FEW,
            {**FEW, "beta": 1.0, "smoothness": 0.1},
            {**FEW, "alpha": 2.0, "alpha_weight": 1.0, "learning_rate": 0.3},
        ],
    ),
    "kernel_shap": (IMAGE, FEATURES),
    "layer_activation": (LAYERS, [{}]),
    "layer_activation_guided_backprop": (LAYERS, [{}, {"filter": 2}]),
    "layer_cam": (LAYERS, CAM),
    "layer_conductance": (LAYERS, ALONG),
    "layer_deeplift": (LAYERS, [{}, *CONTRAST]),
    "layer_deeplift_shap": (LAYERS, [{"baselines": baselines}, {"baselines": baselines, **REVEAL}]),
    "layer_gradcam": (LAYERS, [{}, {"relu": True}]),
    "layer_gradient_shap": (LAYERS, MIXED),
    "layer_gradient_x_activation": (LAYERS, [{}]),
    "layer_visualization": (
        LAYERS,
        [{**FEW, "filter": 1}, {**FEW, "filter": 2, "keep_in_range": True, "start": (0.1, 0.9)}],
    ),
    "lime": (IMAGE, [{**row, **more} for row in FEATURES for more in SURROGATES]),
    "linear_approximation": (LAYERS, [{}]),
    "lrp": ((None, *LAYERS), RELEVANCE),
    "occlusion": (
        IMAGE,
        [
            {"window": 3},
            {"window": 4, "stride": 3},
            {"window": 5, "stride": 2, "baseline": baseline, "per_channel": True},
        ],
    ),
    "rise": (IMAGE, RISE),
    "saliency": (IMAGE, [{}, {"absolute": False}]),
    "score_cam": (
        LAYERS,
        [
            *CAM,
            {"weighing": "softmax", "relu": False},
            {"weighing": "score", "scale_first": True, "relu": False},
            {"baseline": baseline, "top": 3, "relu": False},
        ],
    ),
    "shapley_value_sampling": (IMAGE, [{**row, "permutations": 3} for row in FEATURES]),
    "smoothgrad": (IMAGE, [*NOISE, {"samples": 3, "of": "guided"}]),
    "smoothgrad_squared": (IMAGE, NOISE),
    "sobol": (IMAGE, [{**row, "samples": 6} for row in FEATURES]),
    "vanilla_backprop": ((None, *LAYERS), [{}]),
    "vargrad": (IMAGE, NOISE),
    "xgrad_cam": (LAYERS, CAM),
}
"""Method to the places it explains and rows of parameters; a function in a row makes its value from the image."""


OF_SETS = {"activation_atlas", "feature_permutation"}
"""Methods that explain an image among others."""


OF_PICTURES: dict[str, Callable[[Case], Any]] = {
    "start_noise": lambda at: noise_at(tuple(at.image.shape[1:]), "", 0),
    "starts": lambda at: uniform(tuple(at.image.shape[1:]), "", 0),
    "shifts": lambda at: ROLLS[: at.image.ndim - 2],
}
"""Draws of methods that make pictures."""


def _label(method: str, row: Row, place: Place) -> str:
    values = (f"{k}={getattr(v, '__name__', v)}" for k, v in row.items())
    return " ".join([method, *values, *([f"at {place}"] if place else [])])


ROWS = [
    pytest.param(method, row, place, id=_label(method, row, place))
    for method, (places, rows) in TWINS.items()
    for place in places
    for row in rows
]
ROWS += [
    pytest.param("feature_visualization", row, None, id=_label("feature_visualization", row, None))
    for row in FEATURES_OF_CLASSES
]
ROWS += [pytest.param("deep_dream", row, None, id=_label("deep_dream", row, None)) for row in DREAMS_OF_TARGETS]
CASES = [(kind, dims) for kind in ("classification", "segmentation") for dims in (2, 3)]


def reference(method: str) -> Callable[..., Tensor]:
    twin: Callable[..., Tensor] = import_module(f".{method}", __package__).reference
    return twin


def parameters_of(row: Row, image: Tensor) -> dict[str, Any]:
    return {name: value(image) if callable(value) else value for name, value in row.items()}


def slow(at: Case, method: str, row: Row, place: Place) -> Tensor:
    twin, given = reference(method), parameters_of(row, at.image)
    known = signature(twin).parameters
    count = given.get("samples", 0)
    if "draws" in known:
        given["draws"] = [noise_at(tuple(at.image.shape[1:]), "", i)[None] for i in range(count)]
    if "model" in known:
        given["model"] = at.model
    if "mixing" in known:
        given["mixing"] = [mixing_at(len(given["baselines"]), "", i) for i in range(count)]
    if "orders" in known:
        given["orders"] = [permutation_at(FEATURE_COUNT, "", i) for i in range(given["permutations"])]
    if "coalitions" in known:
        given["coalitions"] = [coalition_at(FEATURE_COUNT, "", i) for i in range(count)]
    if "grids" in known:
        dims, cells, share = at.image.ndim - 2, given.get("cells", 7), given.get("share", 0.5)
        given["grids"] = [grid_at(dims, cells, share, "", i) for i in range(given["masks"])]
    if "coins" in known:
        given["coins"] = [coins_at(FEATURE_COUNT, "", i) for i in range(count)]
    if "sequence" in known:
        given["sequence"] = sequence_of(FEATURE_COUNT, count, "")
    if "donors" in known:
        given["donors"] = _donors(at, given.get("permutations", 1))
    given |= {name: draw(at) for name, draw in OF_PICTURES.items() if name in known}
    return twin(at.score, at.image, layer=at.layer(place), **given)


def _donors(at: Case, permutations: int) -> list[list[Tensor]]:
    images = companions(at.image)
    shifts = [shift_at(len(images), "", i) for i in range(permutations * FEATURE_COUNT)]
    rows = [shifts[start : start + FEATURE_COUNT] for start in range(0, len(shifts), FEATURE_COUNT)]
    return [[images[-shift % len(images)] for shift in row] for row in rows]


def fast(at: Case, method: str, row: Row, place: Place) -> Tensor:
    given = parameters_of(row, at.image) | ({"layers": [place]} if place else {})
    images = companions(at.image) if method in OF_SETS else [at.image]
    maps = te.explain(at.model, images, methods=[{"name": method, **given}], target=at.target)
    result, *_ = [m for m in maps if m.layer == place]
    assert result.status == "ok", f"{result.status}: {result.reason}"
    assert result.values is not None
    return result.values


def apart(mine: Tensor, twin: Tensor) -> float:
    assert mine.shape == twin.shape, f"the map is {tuple(mine.shape)}, its twin {tuple(twin.shape)}"
    assert float(twin.abs().max()) > 0, "a zero map shows nothing"
    return float((mine - twin).abs().max() / twin.abs().max())


@pytest.mark.parametrize(("kind", "dims"), CASES)
@pytest.mark.parametrize(("method", "row", "place"), ROWS)
def test_method_equals_its_twin(kind: str, dims: int, method: str, row: Row, place: Place) -> None:
    at = case(kind, dims)
    assert apart(fast(at, method, row, place), slow(at, method, row, place)) < TOLERANCE


@pytest.mark.parametrize(("kind", "dims"), CASES)
def test_methods_together_equal_their_twins(kind: str, dims: int) -> None:
    at = case(kind, dims)
    rows = {method: rows[0] for method, (_, rows) in TWINS.items() if method not in OF_SETS}
    asked = [{"name": method, **parameters_of(row, at.image)} for method, row in rows.items()]
    for result in te.explain(at.model, at.image, methods=asked, target=at.target, layers=LAYERS):
        assert result.values is not None, f"{result.method}: {result.status}, {result.reason}"
        twin = slow(at, result.method, rows[result.method], result.layer)
        assert apart(result.values, twin) < TOLERANCE, result.method


def test_every_method_has_a_twin() -> None:
    names, twins = set(te.methods()), set(TWINS)
    assert names <= twins, f"write tests/references/<method>.py and a row in TWINS for {sorted(names - twins)}"
    assert twins <= names, f"twins of no method: {sorted(twins - names)}"


@pytest.mark.parametrize(("kind", "dims"), CASES)
def test_conductance_is_the_integral(kind: str, dims: int) -> None:
    at = case(kind, dims)
    fine = import_module(".layer_conductance", __package__).fine
    truth = fine(at.score, at.image, layer=at.layer("second"))
    assert apart(fast(at, "layer_conductance", {"steps": 100}, "second"), truth) < 0.02
