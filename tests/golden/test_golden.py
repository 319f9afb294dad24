"""Our maps against those of published reference implementations, on the same networks, images and draws."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch

from .comparisons import TABLE, Comparison, comparisons, difference
from .engine import our_map
from .loader import COPY, Entry, arrays, complete_set, entries, inputs, network

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
PAIRS = [(entry, comparison) for entry in entries(ROOT) for comparison in comparisons(entry)]
DEVIATIONS = {
    (line["entry"], line["array"]): line
    for line in tomllib.loads((Path(__file__).parent / "deviations.toml").read_text())["deviation"]
}
METHODS = {
    "saliency", "vanilla_backprop", "input_x_gradient", "grad_times_image", "layer_activation", "layer_gradcam",
    "gradcam", "gradcam_plus_plus", "hires_cam", "xgrad_cam", "layer_cam", "eigen_cam", "layer_gradient_x_activation",
    "linear_approximation", "integrated_gradients", "layer_conductance", "internal_influence", "smoothgrad",
    "guided_backprop", "deconvolution", "guided_gradcam", "layer_activation_guided_backprop", "deeplift",
    "layer_deeplift", "layer_deeplift_shap", "excitation_backprop", "contrastive_excitation_backprop", "lrp",
    "smoothgrad_squared", "vargrad", "gradient_shap", "layer_gradient_shap", "feature_ablation", "occlusion",
    "shapley_value_sampling", "kernel_shap", "lime", "rise", "score_cam", "ablation_cam",
    "feature_permutation",
}  # fmt: skip

NOT_COPIED = {"layer_activation_guided_backprop", "lrp"}
"""Methods whose only reference ran on a network that the small copy leaves out."""


def name(value: Entry | Comparison) -> str:
    return value.id if isinstance(value, Entry) else f"{value.method}-{value.array}"


def agrees(entry: Entry, apart: float) -> bool:
    if entry.measure == "abs_correlation_at_least":
        return apart >= entry.tolerance
    return apart <= entry.tolerance


@pytest.mark.parametrize(("entry", "comparison"), PAIRS, ids=name)
def test_map_agrees_with_reference(entry: Entry, comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = our_map(ROOT, entry, comparison, monkeypatch)
    apart = difference(mine, arrays(ROOT, entry)[comparison.array], entry.measure)
    deviation = DEVIATIONS.get((entry.id, comparison.array))
    if deviation is None:
        assert agrees(entry, apart), f"{entry.measure} {apart:.2g}, tolerance {entry.tolerance:g}"
    else:
        assert not agrees(entry, apart), f"agrees ({apart:.2g}): take it out of deviations.toml"
        assert apart == pytest.approx(deviation["difference"], rel=0.05)


@pytest.mark.parametrize("model", sorted({entry.model for entry, _ in PAIRS}))
def test_networks_are_those_of_the_references(model: str) -> None:
    given = inputs(ROOT, model)
    with torch.no_grad():
        logits = network(ROOT, model)(given["x"])
    torch.testing.assert_close(logits, given["logits"], rtol=1e-4, atol=1e-4)


def test_every_method_has_a_reference() -> None:
    held = METHODS if complete_set() else METHODS - NOT_COPIED
    assert {comparison.method for _, comparison in PAIRS} >= held


def test_deviations_are_known_comparisons() -> None:
    known = {(entry.id, comparison.array) for entry, comparison in PAIRS}
    held = {entry.id for entry in entries(ROOT)}
    listed = {key for key in DEVIATIONS if complete_set() or key[0] in held}
    assert listed <= known, f"no such comparison: {sorted(listed - known)}"


def test_no_trusted_entry_is_dropped() -> None:
    ours = [e for e in entries(ROOT) if f"{e.source}.{e.method}" in TABLE]
    trusted = [e for e in ours if any(e.trusts(array) for array in e.arrays)]
    assert trusted
    assert not [e.id for e in trusted if not comparisons(e)]
