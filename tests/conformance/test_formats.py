"""Every method on every format of a model: the map of the model itself, or a refusal by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.types import Attribution

from .nets import LAYERS, build
from .rows import ROWS
from .subject import Subject, apart

SUBJECT = Subject("saliency", ROWS["saliency"], "classification", 2)


def exported(decomposed: bool = False, open_batch: bool = False) -> torch.export.ExportedProgram:
    shapes = ({0: torch.export.Dim("batch")},) if open_batch else None
    points = SUBJECT.image().expand(2 if open_batch else 1, -1, -1, -1)
    program = torch.export.export(source(), (points,), dynamic_shapes=shapes)
    return program.run_decompositions() if decomposed else program


def source() -> nn.Module:
    return build("classification", 2).eval()


def compiled() -> nn.Module:
    """Compiled, and run before: hooks that come later would not be heard."""
    model = torch.compile(source(), backend="eager")
    model(SUBJECT.image()[None])
    return model  # type: ignore[return-value]


def traced() -> nn.Module:
    return torch.jit.trace(source(), SUBJECT.image()[None])  # type: ignore[no-any-return, no-untyped-call]


def scripted() -> nn.Module:
    return torch.jit.script(source())


def frozen() -> nn.Module:
    return torch.jit.freeze(scripted())  # type: ignore[no-any-return]


WHOLE: dict[str, Callable[[], Any]] = {
    "compiled": compiled,
    "program": exported,
    "program with an open batch": lambda: exported(open_batch=True),
    "unflattened": lambda: torch.export.unflatten(exported()),
    "decomposed": lambda: torch.export.unflatten(exported(decomposed=True)),
}
FLAT: dict[str, Callable[[], Any]] = {
    "flat": lambda: exported().module(),
    "flat, decomposed": lambda: exported(decomposed=True).module(),
    "flat, with an open batch": lambda: exported(open_batch=True).module(),
}
SCRIPTS: dict[str, Callable[[], Any]] = {"traced": traced, "scripted": scripted, "frozen": frozen}
FORMATS = {**WHOLE, **FLAT, **SCRIPTS}
ONE_SIZE = {"deep_dream": {"octaves": 1}}
"""A program takes images of the size it was exported with."""


@cache
def maps(name: str) -> dict[str, list[Attribution]]:
    """Every method's maps for a format, by the method."""
    model = FORMATS[name]() if name in FORMATS else source()
    labels: dict[str, Tensor] = Subject("lime", ROWS["lime"], "classification", 2).labels
    entries = [
        {"name": method, **row.parameters, **(labels if row.labelled else {}), **ONE_SIZE.get(method, {})}
        for method, row in ROWS.items()
    ]
    found: dict[str, list[Attribution]] = {method: [] for method in ROWS}
    image = SUBJECT.image()
    for of_set in (False, True):
        given = [image, 0.5 * image.flip(0), 1 - image] if of_set else [image]
        asked = [entry for entry in entries if ROWS[entry["name"]].of_set == of_set]
        for one in te.explain(model, given, asked, 1, LAYERS):
            found[one.method].append(one)
    return found


def refusal(name: str, method: str) -> str | None:
    """What must be said, or None where the map must be there."""
    if name in WHOLE:
        return None
    ruled = any(sweep.rule is not None for sweep in te.methods()[method]().sweeps())
    if name in SCRIPTS:
        return "TorchScript" if ruled or ROWS[method].layers else None
    return "a flat torch.export program" if ROWS[method].layers else None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ROWS)
@pytest.mark.parametrize("name", FORMATS)
def test_map_of_the_model_itself_or_a_refusal(name: str, method: str) -> None:
    mine, plain = maps(name)[method], maps("module")[method]
    said = refusal(name, method)
    unnamed = said is not None and te.methods()[method].shows == "picture"
    told = 3 if unnamed else 4  # what pictures of a layer are called is known once the layer is
    assert [m.key[:told] for m in mine] == [m.key[:told] for m in plain] and mine
    for one, other in zip(mine, plain, strict=True):
        assert other.values is not None, other.reason
        if said is None:
            assert one.values is not None, one.reason
            assert apart(one.values, other.values) < 1e-5
            assert sum(one.matched.values()) == sum(other.matched.values())
        else:
            assert one.status == "incompatible"
            assert said in str(one.reason) and ": give " in str(one.reason)
