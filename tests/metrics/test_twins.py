"""Metrics that explain again, written apart: plain loops and autograd at the same images and models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.sweeps import Cascade, Nearby, Noisy

from .nets import Classifier, image
from .test_cascade import session_of

CLASS = 1


def gradient(net: nn.Module, x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    net(leaf[None])[0, CLASS].backward()
    assert leaf.grad is not None
    return leaf.grad


@pytest.fixture(params=[2, 3])
def subject(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor, te.Attribution]:
    net, x = Classifier(request.param).eval(), image(request.param)
    return net, x, te.explain(net, x, ["vanilla_backprop"], target=CLASS)[0]


def test_sensitivity_and_lipschitz(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    sensitivity, lipschitz = te.evaluate(net, x, one, ["sensitivity", "local_lipschitz"])
    with session_of(net, x, CLASS) as session:
        nearby = [other.data for other in Nearby(10, 0.02).steps(session)[1]]
    reach = 0.02 * float(x.max() - x.min())
    assert all(0 < float((other - x).abs().max()) <= reach * (1 + 1e-5) for other in nearby)
    apart = [(float((gradient(net, o) - gradient(net, x)).norm()), float((o - x).norm())) for o in nearby]
    size = float(gradient(net, x).norm())
    assert sensitivity.value == pytest.approx(max(a for a, _ in apart) / size, rel=1e-3)
    assert sensitivity.measures["mean"] == pytest.approx(sum(a for a, _ in apart) / 10 / size, rel=1e-3)
    assert lipschitz.value == pytest.approx(max(a / b for a, b in apart), rel=1e-3)


def test_infidelity(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    (score,) = te.evaluate(net, x, one, {"name": "infidelity", "samples": 5})
    with session_of(net, x, CLASS) as session:
        points = Noisy(5, 0.1).points(session.data, session.key, None).at(range(5))
    slope = gradient(net, x)
    with torch.no_grad():
        errors = [
            float(((x - point) * slope).sum() - (net(x[None]) - net(point[None]))[0, CLASS]) ** 2 for point in points
        ]
    assert score.value == pytest.approx(np.mean(errors), rel=1e-3)


def test_cascade(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    (score,) = te.evaluate(net, x, one, "cascading_randomisation")
    first = gradient(net, x).numpy()
    with session_of(net, x, CLASS) as session:
        others = [gradient(other.alone.model, x).numpy() for other in Cascade().steps(session)[1]]
    for step, other in enumerate(others, 1):
        ranks = spearmanr(np.abs(first).ravel(), np.abs(other).ravel()).statistic
        assert score.curves["spearman_absolute"][step] == pytest.approx(ranks, abs=1e-3)
        assert score.curves["spearman"][step] == pytest.approx(
            spearmanr(first.ravel(), other.ravel()).statistic, abs=1e-3
        )
        scaled = [map_[0].astype(float) / np.abs(map_).max() for map_ in (first, other)]
        assert score.curves["ssim"][step] == pytest.approx(structural_similarity(*scaled, data_range=2.0), abs=1e-3)
    assert score.value == pytest.approx(np.mean(score.curves["spearman_absolute"][1:]))
