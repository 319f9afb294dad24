"""Metrics that explain again, written apart: plain loops and autograd at the same images and models."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.metrics.similarity import similarities
from torchesegeta.sweeps import Cascade, Denoised, Nearby, Noisy

from .nets import Classifier, image
from .rows import Values
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


def test_smooth_cascade(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    (score,) = te.evaluate(net, x, one, {"name": "smooth_mprt", "samples": 3, "sigma": 0.2})
    with session_of(net, x, CLASS) as session:
        found = [
            (other.data.clone(), copy.deepcopy(other.alone.model).eval())
            for other in Denoised(Cascade(most=20), 3, 0.2).steps(session)[1]
        ]
    means = [
        np.mean([gradient(model, image).numpy() for image, model in found[start : start + 3]], axis=0)
        for start in range(0, len(found), 3)
    ]
    assert float((found[0][0] - x).std()) == pytest.approx(0.2 * float(x.max() - x.min()), rel=0.3)
    ranks = [spearmanr(np.abs(means[0]).ravel(), np.abs(mean).ravel()).statistic for mean in means]
    assert score.curves["spearman_absolute"] == pytest.approx(ranks, abs=5e-3)


def test_efficient_cascade(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    (score,) = te.evaluate(net, x, one, {"name": "efficient_mprt", "bins": 20})
    with session_of(net, x, CLASS) as session:
        (last,) = [copy.deepcopy(other.alone.model) for other in Cascade(most=1).steps(session)[1]]
    before, after = (_entropy(gradient(model, x).double().numpy(), 20) for model in (net, last))
    assert score.value == pytest.approx((after - before) / before, abs=2e-2)


def _entropy(values: Values, bins: int) -> float:
    counts, _ = np.histogram(values, bins, (values.min(), values.max()))
    shares = counts[counts > 0] / values.size
    return float(-(shares * np.log(shares)).sum())


def test_random_logit(subject: tuple[nn.Module, Tensor, te.Attribution]) -> None:
    net, x, one = subject
    (score,) = te.evaluate(net, x, one, "random_logit")
    maps = [one.values, *(te.explain(net, x, "vanilla_backprop", target=k)[0].values for k in (0, 2))]
    scaled = [m[0].double().numpy() / float(m.abs().max()) for m in maps if m is not None]
    others = [structural_similarity(scaled[0], other, data_range=2.0) for other in scaled[1:]]
    assert score.value == pytest.approx(others[0], abs=1e-3) or score.value == pytest.approx(others[1], abs=1e-3)


def test_similarity_of_structure_where_either_map_is_not_0() -> None:
    first, second = (torch.zeros(1, 20, 21) for _ in range(2))
    first[0, 5:12, 6:13] = torch.randn(7, 7, generator=torch.Generator().manual_seed(0))
    second[0, 8:15, 6:13] = torch.randn(7, 7, generator=torch.Generator().manual_seed(1))
    a, b = (x[0].double().numpy() / float(x.abs().max()) for x in (first, second))
    _, whole = structural_similarity(a, b, data_range=2.0, full=True)
    inside = (a != 0) | (b != 0)
    found = similarities(first, second)
    assert found["ssim_inside"] == pytest.approx(whole[3:-3, 3:-3][inside[3:-3, 3:-3]].mean())
    assert found["ssim"] == pytest.approx(structural_similarity(a, b, data_range=2.0))
    assert found["ssim_inside"] < found["ssim"]
