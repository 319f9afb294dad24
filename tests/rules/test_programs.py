"""Rules on programs of `torch.export`: the map of the model itself, or a refusal of what is there in pieces only."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import torchesegeta as te

from .networks import RELUS, Activation, build, image
from .test_deeplift import SMOOTH

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's, about itself

METHODS: list[Any] = ["guided_backprop", "deconvolution", {"name": "deeplift", "baseline": 0.1}]
WHOLE: dict[str, Activation] = {
    **{name: RELUS[name] for name in ("module in place", "clamp_min_", "maximum", "where", "times mask as float")},
    **{name: RELUS[name] for name in ("masked_fill", "assignment", "hardtanh")},
    **{name: SMOOTH[name] for name in ("instance norm", "group norm", "batch norm", "overlapping max-pool", "gate")},
    **{name: SMOOTH[name] for name in ("adaptive max-pool", "softmax", "quotient", "einsum", "softsign")},
    "layer norm": nn.Sequential(nn.LayerNorm([9, 10]), nn.GELU()).double(),
    "ELU": nn.ELU(),
    "LeakyReLU": nn.LeakyReLU(),
}
PIECES: dict[str, Activation] = {
    "silu": nn.SiLU(),
    "mish": functional.mish,
    "prelu": nn.PReLU().double(),
    "hardswish": functional.hardswish,
    "softplus": nn.Softplus(),
    "threshold": lambda x: functional.threshold(x, 0.1, 0.2),
    "glu": lambda x: functional.glu(torch.cat([x, x], 1).relu(), 1),
}


def programs(activation: Activation) -> tuple[nn.Module, Any, Any]:
    """A network, its program, and that decomposed."""
    model = build(activation).double().eval()
    program = torch.export.export(model, (image()[None].double(),))
    return model, program, program.run_decompositions()


def explain(model: Any, **options: Any) -> list[te.Attribution]:
    return list(te.explain(model, image(), METHODS, 1, **options))


@pytest.mark.parametrize("name", WHOLE)
def test_equals_the_model(name: str) -> None:
    model, *others = programs(WHOLE[name])
    plain = explain(model)
    for each in others:
        for mine, theirs in zip(explain(each), plain, strict=True):
            assert mine.status == theirs.status, mine.reason
            if theirs.values is not None and mine.values is not None:
                torch.testing.assert_close(mine.values, theirs.values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", PIECES)
def test_what_is_in_pieces_is_refused_by_name(name: str) -> None:
    model, program, decomposed = programs(PIECES[name])
    for mine, whole, theirs in zip(explain(decomposed), explain(program), explain(model), strict=True):
        assert mine.status == "incompatible"
        assert f"{name} in pieces" in str(mine.reason) and "run_decompositions" in str(mine.reason)
        assert whole.status == theirs.status, whole.reason
        if whole.values is not None and theirs.values is not None:
            torch.testing.assert_close(whole.values, theirs.values, rtol=1e-5, atol=1e-5)


def test_pieces_that_are_allowed_are_named() -> None:
    _, _, decomposed = programs(nn.SiLU())
    (found,) = te.explain(decomposed, image(), [{"name": "guided_backprop", "unknown": "gradient"}], 1)
    assert found.values is not None and found.matched == {"sigmoid": 2}
    (said,) = found.warnings
    assert "no rule for silu in pieces" in said


def test_decomposed_program_that_forgot_what_was_called() -> None:
    _, program, decomposed = programs(nn.SiLU())
    for made, status in ((program, "ok"), (decomposed, "incompatible")):
        module = made.module()
        for node in module.graph.nodes:
            node.meta.pop("torch_fn", None)
        found = explain(module)
        assert {m.status for m in found} == {status}
        assert status == "ok" or all("something in pieces" in str(m.reason) for m in found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BasicUNet", "SegResNet", "DynUNet", "ViT"])
def test_monai(name: str) -> None:
    from .test_monai import build as network
    from .test_monai import noise

    model, data = network(name).float().eval(), noise(32, 1)
    program = torch.export.export(model, (data[None],))
    asked = [*METHODS, "gradcam", "layer_gradient_x_activation"]
    options: dict[str, Any] = {"target": 1, "output": 0 if name == "ViT" else None}
    plain = te.explain(model, data, asked, **options)
    for each in (program, program.run_decompositions()):
        for mine, theirs in zip(te.explain(each, data, asked, **options), plain, strict=True):
            assert mine.values is not None and theirs.values is not None, mine.reason
            layers = [None if m.layer is None else model.get_submodule(m.layer) for m in (mine, theirs)]
            assert layers[0] is layers[1], f"{mine.layer} is not {theirs.layer}"  # one module may have two names
            assert float((mine.values - theirs.values).abs().max()) < 1e-5 * float(theirs.values.abs().max())
