"""One of our maps for a stored array, with the reference's own random draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

import torchesegeta as te
from torchesegeta.sweeps import coalitions, exchange, grids, noise

from .comparisons import Comparison
from .loader import Entry, arrays, inputs, network

SCALE = 0.5
"""Standard deviation that the engine gives its noise: a power of two, so that x + noise comes out to the last bit."""


def our_map(root: Path, entry: Entry, comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Explain the entry's network and image with our method, and do what the reference does afterwards."""
    given = inputs(root, entry.model)
    stored = arrays(root, entry)
    parameters = {name: v(stored) if callable(v) else v for name, v in comparison.parameters.items()}
    for parameter, array in comparison.stored.items():
        parameters[parameter] = stored[array][0] if parameter == "baseline" else stored[array]
    for parameter, array in comparison.given.items():
        parameters[parameter] = given[array][0]
    if "noise" in stored:
        parameters["sigma"] = SCALE / float(given["x"].max() - given["x"].min())
        _use_draws(stored, monkeypatch)
    if "permutations" in stored:
        monkeypatch.setattr(coalitions, "permutation_at", lambda count, key, index: stored["permutations"][index])
    if "interpretable" in stored:
        monkeypatch.setattr(coalitions, "coalition_at", lambda count, key, index: stored["interpretable"][index])
    if "grids" in stored:
        masks = _masks(stored, tuple(given["x"].shape[2:]))
        monkeypatch.setattr(grids, "mask_at", lambda shape, cells, share, key, index: masks[index])
    if comparison.images is not None:
        monkeypatch.setattr(exchange, "shift_at", lambda images, key, index: 1)
    maps = te.explain(
        network(root, entry.model),
        given["x"] if comparison.images is None else list(stored[comparison.images]),
        methods=[{"name": comparison.method, **parameters}],
        target=_target(entry, given, comparison),
        activation=comparison.activation,
        layers=[entry.layer] if entry.layer else None,
    )
    found = []
    for result in maps:
        assert result.values is not None, f"{entry.id}: {result.status}, {result.reason}"
        found.append(result.values)
    return comparison.after(found[-1] if comparison.images is None else torch.stack(found))


def _masks(stored: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    """Masks as they are stored, or the stored grids enlarged."""
    if "masks_float16" in stored:
        return stored["masks_float16"][:, 0].float()
    mode = {2: "bilinear", 3: "trilinear"}[len(shape)]
    return interpolate(stored["grids"].float(), shape, mode=mode, align_corners=False)[:, 0]


def _target(entry: Entry, given: Mapping[str, Tensor], comparison: Comparison) -> dict[str, Any]:
    """The stored scores: a class's logit or probability, or its logits summed over its region."""
    if "masks" in given:
        return {"kind": "region", "class": entry.target, "mask": given["masks"][entry.target]}
    score = "probability" if comparison.activation else "logit"
    return {"kind": "class", "classes": [entry.target], "score": score}


def _use_draws(stored: Mapping[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the engine's draws by the stored ones, which are scaled already."""
    monkeypatch.setattr(noise, "noise_at", lambda shape, key, index: stored["noise"][index] / SCALE)
    if "coefficients" in stored:
        monkeypatch.setattr(
            noise,
            "mixing_at",
            lambda count, key, index: (float(stored["coefficients"][index]), int(stored["baseline_index"][index])),
        )
