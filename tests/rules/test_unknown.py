"""Operations without a rule: refused, or left to their plain gradient and named with every map."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.types import Attribution

from .networks import Activation, build, image, twice

LAYERS = ["second"]
SHARED = ("excitation_backprop", "contrastive_excitation_backprop", "lrp")
"""Under their rules a factor is no slope."""
RULED = [name for name, method in te.methods().items() if "unknown" in method.model_fields]


def explain(activation: Activation, name: str, **fields: Any) -> Attribution:
    return te.explain(build(activation), image(), [{"name": name, **fields}], 1, LAYERS)[0]


def test_every_method_under_a_rule_has_the_option() -> None:
    ruled = [n for n, m in te.methods().items() if any(s.rule is not None for s in m().sweeps())]
    assert sorted(ruled) == sorted(RULED) and len(RULED) >= 8


@pytest.mark.parametrize("name", RULED)
def test_refused_or_named(name: str) -> None:
    refused = explain(twice, name)
    assert refused.status == "incompatible" and "no rule for _Twice (2×)" in str(refused.reason)
    allowed = explain(twice, name, unknown="gradient")
    assert allowed.values is not None, allowed.reason
    assert any("has no rule for _Twice (2×): there the gradient is plain" in said for said in allowed.warnings)
    assert allowed.parameters["unknown"] == "gradient" and allowed.matched["relu"] == 2
    plain = explain(lambda x: 2 * x.relu(), name)
    if name not in SHARED:
        torch.testing.assert_close(allowed.values, plain.values)


def test_sums_show_plain_gradients() -> None:
    """A slope of 2 doubles the probability that should have been handed on."""

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return twice(x).mean((2, 3))

    entry = {"name": "excitation_backprop", "layers": [], "unknown": "gradient"}
    (found,) = te.explain(Model(), image().abs(), [entry], 1)
    assert found.measures["mass"] == pytest.approx(2)


@pytest.mark.parametrize("name", ["guided_backprop", "deconvolution", "guided_gradcam"])
def test_rule_that_matches_nothing(name: str) -> None:
    assert "found no activation to act on" in str(explain(lambda x: 2 * x, name).reason)
    allowed = explain(lambda x: 2 * x, name, unknown="gradient")
    assert any("found no activation to act on: the gradient is plain" in said for said in allowed.warnings)
    assert not allowed.matched
    if name != "guided_gradcam":
        torch.testing.assert_close(allowed.values, explain(lambda x: 2 * x, "vanilla_backprop").values)


def test_gap_shows_what_is_missing() -> None:
    assert "no rule for Tan (2×)" in str(explain(torch.tan, "deeplift").reason)
    allowed = explain(torch.tan, "deeplift", unknown="gradient")
    assert allowed.measures["completeness_gap"] > 1e-2
    assert any("no rule for Tan (2×)" in said for said in allowed.warnings)
    assert any("misses the score's change" in said for said in allowed.warnings)


def test_forms_of_an_operation_without_a_step() -> None:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    assert "batch norm without running statistics" in str(explain(norm, "deeplift").reason)
    allowed = explain(norm, "deeplift", unknown="gradient")
    assert any("no rule for batch_norm (2×)" in said for said in allowed.warnings)


def test_methods_share_a_sweep_where_they_agree() -> None:
    asked = ["guided_backprop", "layer_activation_guided_backprop"]
    for values, sweeps in ((("gradient", "gradient"), 1), (("gradient", "refuse"), 2)):
        entries = [{"name": n, "unknown": v} for n, v in zip(asked, values, strict=True)]
        found = te.explain(build(nn.ReLU()), image(), entries, 1, LAYERS)
        assert len({m.seconds for m in found}) == sweeps
        assert all(m.values is not None and not m.warnings for m in found)


def test_torchscript_hides_its_operations_all_the_same() -> None:
    script = torch.jit.trace(build(nn.ReLU()), image()[None])  # type: ignore[no-untyped-call]
    (found,) = te.explain(script, image(), [{"name": "guided_backprop", "unknown": "gradient"}], 1)
    assert "cannot see the operations of TorchScript" in str(found.reason)
