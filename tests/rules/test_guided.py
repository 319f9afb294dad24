"""Guided backpropagation and deconvolution on activations in every disguise; refusals where they would be plain."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import torchesegeta as te
from torchesegeta.rules import Deconvolution, Rule
from torchesegeta.rules.base import Backward, Step
from torchesegeta.rules.calls import Call
from torchesegeta.rules.disguises import Disguises, _relu
from torchesegeta.store.records import describe
from torchesegeta.types import Attribution

from .networks import RELUS, Activation, build, image, twice

METHODS = ["guided_backprop", "deconvolution"]


def explain(model: nn.Module, dims: int = 2, **options: Any) -> list[Attribution]:
    return list(te.explain(model, image(dims), METHODS, target=1, **options))


def refusal(model: nn.Module) -> str:
    first, second = explain(model)
    assert first.status == second.status == "incompatible"
    return str(first.reason)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", RELUS)
def test_relu_in_disguise(name: str, dims: int) -> None:
    for mine, plain in zip(explain(build(RELUS[name], dims), dims), explain(build(nn.ReLU(), dims), dims), strict=True):
        assert mine.values is not None and plain.values is not None, mine.reason
        torch.testing.assert_close(mine.values, plain.values)
        assert sum(mine.matched.values()) == 2


@pytest.mark.parametrize(
    "activation",
    [nn.LeakyReLU(), nn.PReLU(), nn.ELU(), nn.GELU(), nn.SiLU(inplace=True), nn.Mish(), nn.Softplus(), nn.Hardswish(),
     nn.CELU(), nn.SELU(), nn.RReLU(), nn.Hardtanh()],
    ids=lambda a: type(a).__name__,
)  # fmt: skip
def test_other_activations(activation: Activation) -> None:
    """max(0, f'(x) · relu(g)) by hand; the record names the activation."""
    model = build(activation).eval()
    mine = explain(model)[0]
    x = image()[None].requires_grad_(True)

    def guide(value: Tensor) -> Tensor:
        below = value * 1.0
        below.register_hook(lambda g: g.relu())  # type: ignore[no-untyped-call]
        above = activation(below.clone()) * 1.0
        above.register_hook(lambda g: g.relu())  # type: ignore[no-untyped-call]
        return above

    (slope,) = torch.autograd.grad(build(guide)(x)[0, 1], x)
    assert mine.values is not None
    torch.testing.assert_close(mine.values, slope[0])
    assert len(mine.matched) == 1 and sum(mine.matched.values()) == 2


def test_inside_python_composites() -> None:
    """Softsign is x / (1 + |x|): nothing to guide, so it is refused; attention's own activation is met."""
    assert "found no activation" in refusal(build(functional.softsign))
    layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True).eval()
    found = explain(build(lambda x: layer(x.flatten(2).mT).mT.view_as(x)))[0]
    assert found.matched == {"relu": 2}


def test_record_says_how_many() -> None:
    assert describe(explain(build(nn.ReLU()))[0])["matched"] == {"relu": 2}


def test_model_without_activations_is_refused() -> None:
    assert "found no activation" in refusal(build(lambda x: 2 * x))


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_is_exact(reentrant: bool) -> None:
    model = build(lambda x: checkpoint(functional.relu, x, use_reentrant=reentrant))
    for mine, plain in zip(explain(model), explain(build(nn.ReLU())), strict=True):
        torch.testing.assert_close(mine.values, plain.values)


def test_torchscript_is_refused_by_name() -> None:
    script = torch.jit.trace(build(nn.ReLU()), image()[None])  # type: ignore[no-untyped-call]
    assert "TorchScript" in refusal(script)
    inner = build(torch.jit.script(nn.ReLU()))
    assert "layer 'activation' is" in refusal(inner)


def test_python_functions_are_refused_by_name() -> None:
    assert "no rule for _Twice (2×)" in refusal(build(twice))


def test_a_mask_that_is_out_of_date_is_no_relu() -> None:
    def shifted(x: Tensor) -> Tensor:
        mask = x > 0
        x += 1
        return torch.where(mask, x, 0.0)

    assert "found no activation" in refusal(build(shifted))


def test_exported_program_is_met_as_its_source() -> None:
    from torchesegeta.rules import Guided, RuleMode, under

    model = build(nn.ReLU(inplace=True)).eval()
    program = torch.export.export(model, (image()[None],)).module()
    slopes = []
    for each in (model, program):
        x = image()[None].requires_grad_(True)
        with under(RuleMode(Guided())) as mode:
            score = each(x)[0, 1]
        slopes.append(torch.autograd.grad(score, x)[0])
        assert mode.matched == {"relu": 2}
    torch.testing.assert_close(*slopes)


def test_several_targets_and_chunks() -> None:
    one = te.explain(build(nn.ReLU()), image(), ["guided_backprop"], target=[0, 2])
    for m in one:
        (alone,) = te.explain(build(nn.ReLU()), image(), ["guided_backprop"], target=m.target_index)
        torch.testing.assert_close(m.values, alone.values)


def test_filter_that_is_not_there() -> None:
    methods = [{"name": "layer_activation_guided_backprop", "filter": 9}]
    (found,) = te.explain(build(nn.ReLU()), image(), methods, layers=["second"])
    assert "filter 9: the layer puts out" in str(found.reason)


def test_a_rule_that_changes_the_output_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        return 1.01 * inputs[0].relu(), lambda g: [g]

    def step(_rule: Rule, call: Call) -> Step | None:
        return Step((call.arguments[0],), run) if call.name == "relu" else None

    monkeypatch.setattr(Deconvolution, "step", step)
    monkeypatch.setattr(Deconvolution, "keeps_output", False)
    assert "changed the model's output" in str(explain(build(nn.ReLU()))[1].reason)


def test_what_is_taken_for_a_relu_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unmask(_self: Disguises, call: Call) -> Call:
        return _relu(call.arguments[0]) if call.name == "sigmoid" else call

    monkeypatch.setattr(Disguises, "unmask", unmask)
    assert "changed the model's output" in str(explain(build(torch.sigmoid))[0].reason)
