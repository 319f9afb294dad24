"""Guided backpropagation and deconvolution hardly notice random weights in a trained network (Adebayo et al. 2018)."""

from __future__ import annotations

import pytest
from torch import nn

import torchesegeta as te
from docs.randomisation import accuracy, cascade, mean_curves
from docs.shapes import trained_shape_network

from .plugins import add_edges

HALF = 4
"""Step at which the linear layer and three of six convolutions are random."""


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return trained_shape_network()


@pytest.fixture(scope="module")
def scores(network: nn.Module) -> list[te.Score]:
    return cascade(network, 3)


def test_the_network_has_learnt_something(network: nn.Module) -> None:
    assert accuracy(network, 90) > 0.95


def test_guided_backpropagation_keeps_its_map_where_the_gradient_loses_its_own(scores: list[te.Score]) -> None:
    alike, ranks = mean_curves(scores, "ssim"), mean_curves(scores, "spearman_inside")
    assert alike["guided_backprop"][HALF] > 0.7 and ranks["guided_backprop"][HALF] > 0.7
    assert alike["vanilla_backprop"][HALF] < 0.2 and abs(ranks["vanilla_backprop"][HALF]) < 0.3
    assert alike["saliency"][HALF] < 0.5 and ranks["saliency"][HALF] < 0.5
    assert ranks["guided_backprop"][-1] > ranks["saliency"][-1], "also at the end"


def test_deconvolution_does_not_notice_the_last_layers(scores: list[te.Score]) -> None:
    alike, ranks = mean_curves(scores, "ssim"), mean_curves(scores, "spearman_inside")
    assert min(*alike["deconvolution"][:3], *ranks["deconvolution"][:3]) > 0.9
    assert max(ranks[name][1] for name in ("vanilla_backprop", "integrated_gradients", "input_x_gradient")) < 0.5


def test_an_edge_detector_notices_nothing(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cascade(network, 1, [add_edges(monkeypatch)])
    assert all(value == 1 for curve in found[0].curves.values() for value in curve)
    (verdict,) = te.verdicts(found)
    assert verdict.word == "no" and verdict.answers["weights"].word == "no"
