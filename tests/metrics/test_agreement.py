"""Agreement of methods: correlations, clusters, the consensus, what is left out, and the figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import torchesegeta as te
from torchesegeta.errors import InputError
from torchesegeta.figures import draw_agreement, save

from .nets import SIZES, Classifier, image


def maps_of(*values: Tensor) -> list[te.Attribution]:
    one = te.explain(Classifier(), image(), ["saliency"], target=1)[0]
    return [replace(one, label=f"m{n}", values=v) for n, v in enumerate(values)]


def noise(seed: int, dims: int = 2) -> Tensor:
    return torch.randn(1, *SIZES[dims], generator=torch.Generator().manual_seed(seed))


def ranks(values: Tensor) -> list[float]:
    """From 0 to 1; equal ones share theirs."""
    flat = values.flatten().tolist()
    return [(sum(o < v for o in flat) + (sum(o == v for o in flat) - 1) / 2) / (len(flat) - 1) for v in flat]


def test_correlations_and_consensus_equal_their_twin() -> None:
    values = [noise(0), noise(1).round(), noise(2)]
    found = te.agreement(maps_of(*values), alike=0.9)
    expected = [ranks(v.abs()) for v in values]
    for i, a in enumerate(expected):
        for j, b in enumerate(expected):
            assert found.correlation[i, j] == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert len(set(found.clusters)) == 3
    consensus = found.consensus.values
    assert consensus is not None and consensus.shape == (1, *SIZES[2])
    assert consensus.flatten().tolist() == pytest.approx(np.mean(expected, axis=0), abs=1e-6)


@pytest.mark.parametrize("absolute", [True, False])
def test_what_is_0_in_both_maps_is_no_agreement(absolute: bool) -> None:
    values = [torch.zeros(1, *SIZES[2]) for _ in range(3)]
    for number, value in enumerate(values):
        value[0, 2:6, number : number + 5] = noise(number)[0, 2:6, :5]
    found = te.agreement(maps_of(*values, noise(7)), absolute=absolute)
    shown = [*values, noise(7)]
    for i, first in enumerate(shown):
        for j, second in enumerate(shown[:i]):
            inside = (first != 0) | (second != 0)
            a, b = ((v.abs() if absolute else v)[inside] for v in (first, second))
            assert found.correlation[i, j] == pytest.approx(np.corrcoef(ranks(a), ranks(b))[0, 1]), (i, j)
    whole = np.corrcoef(ranks(values[0].abs()), ranks(values[1].abs()))[0, 1]
    assert not absolute or found.correlation[0, 1] < whole / 2


def test_maps_that_hold_one_number_are_compared_by_where_they_hold_it() -> None:
    first, second = torch.zeros(2, 1, *SIZES[2]).unbind()
    first[0, 2:6, 2:6], second[0, 2:6, 2:6] = 1, 0.5
    assert te.agreement(maps_of(first, second)).correlation[0, 1] == pytest.approx(1)


def test_clusters_have_one_voice_each() -> None:
    a, b = noise(0), noise(5)
    values = [a, 2 * a, a + 0.01 * noise(1), b]
    found = te.agreement(maps_of(*values))
    assert found.clusters[0] == found.clusters[1] == found.clusters[2] != found.clusters[3]
    assert found.order.index(3) in (0, 3), "the others stand together"
    first = np.mean([ranks(v.abs()) for v in values[:3]], axis=0)
    assert found.consensus.values is not None
    expected = (first + ranks(b.abs())) / 2
    assert found.consensus.values.flatten().tolist() == pytest.approx(expected, abs=1e-6)


def test_signs_count_where_they_are_asked_for() -> None:
    a = noise(0)
    assert te.agreement(maps_of(a, -a)).correlation[0, 1] == pytest.approx(1)
    assert te.agreement(maps_of(a, -a), absolute=False).correlation[0, 1] == pytest.approx(-1)


@pytest.mark.parametrize("dims", [2, 3])
def test_maps_of_methods_and_layers(dims: int) -> None:
    net = Classifier(dims)
    maps = te.explain(
        net,
        image(dims),
        ["saliency", "input_x_gradient", "layer_gradcam", "layer_gradient_x_activation"],
        target=1,
        layers=["second", "head"],
    )
    found = te.agreement(maps)
    assert "layer_gradcam at second" in found.names
    assert "no place in the image" in found.left_out["layer_gradient_x_activation at head"]
    assert found.consensus.plot() is not None


def test_what_cannot_be_compared() -> None:
    net = Classifier()
    maps = te.explain(net, image(), ["saliency"], target=[0, 1])
    with pytest.raises(InputError, match=r"several targets \(0, 1\)"):
        te.agreement(list(maps))
    even = maps_of(noise(0), torch.ones(1, *SIZES[2]))
    with pytest.raises(InputError, match="fewer than two maps can be compared .m1: it is the same everywhere"):
        te.agreement(even)
    lost = replace(even[0], label="lost", values=None, status="timeout", reason="too slow")
    found = te.agreement([even[0], *maps_of(noise(1), noise(2))[1:], lost])
    assert found.left_out == {"lost": "timeout: too slow"}


def test_the_figure(tmp_path: Path) -> None:
    a = noise(0)
    found = te.agreement(maps_of(a, noise(3), a + 0.1 * noise(1), torch.zeros(1, *SIZES[2])))
    text = save(draw_agreement(found), tmp_path / "agreement.svg").read_text(encoding="utf-8")
    assert "m3 is left out: it is the same everywhere" in text and "m0 (" in text
    assert f"{found.correlation[0, 2]:.2f}" in text
