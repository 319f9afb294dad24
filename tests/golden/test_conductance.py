"""Captum's layer conductance is no target, but the twin of ours must reproduce it from Captum's own path."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from torch import Tensor

from .comparisons import difference
from .loader import COPY, Entry, arrays, complete_set, entries, inputs, network

pytestmark = [pytest.mark.golden] if complete_set() else []

ROOT = complete_set() or COPY
STORED = [entry for entry in entries(ROOT) if entry.method == "LayerConductance"]


def captum_sum(entry: Entry) -> Tensor:
    """Σ_i ∂score/∂a(α_i) · (a(α_(i+1)) − a(α_i)) over the n + 1 Gauss-Legendre nodes α."""
    conductance: Any = import_module("references.layer_conductance")
    nodes = [node for node, _ in conductance.nodes_and_weights("gauss_legendre", entry.parameters["n_steps"] + 1)]
    given, model = inputs(ROOT, entry.model), network(ROOT, entry.model)
    region = given["masks"][entry.target] if "masks" in given else 1.0

    def score(point: Tensor) -> Tensor:
        value: Tensor = model(point)[0, entry.target] * region
        return value.sum()

    layer = model.get_submodule(str(entry.layer))
    result: Tensor = conductance.stieltjes(score, given["x"], layer, 0.0, nodes[:-1], nodes)
    return result


@pytest.mark.parametrize("entry", STORED, ids=lambda entry: entry.id)
def test_twin_reproduces_captum(entry: Entry) -> None:
    assert difference(captum_sum(entry), arrays(ROOT, entry)["map"], entry.measure) <= entry.tolerance
