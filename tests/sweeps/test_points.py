"""Where sweeps put their points: paths, noise, quadrature."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from torchesegeta.baselines import Baseline
from torchesegeta.sweeps import Gradient, Noise, Path, Sweep
from torchesegeta.sweeps.base import Points
from torchesegeta.sweeps.quadrature import Quadrature, nodes_and_weights

IMAGE = torch.randn(2, 8, 9, 10, generator=torch.Generator().manual_seed(0))
ZERO, MEAN = Baseline(kind="zero"), Baseline(kind="mean")
SWEEPS: list[Sweep] = [Gradient(), Path(MEAN, 7), Noise(6, 0.2), Noise(6, 0.2, (ZERO, MEAN))]


def points(sweep: Sweep, image: Tensor = IMAGE, key: str = "0") -> Points:
    return sweep.points(image, key)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_points_do_not_depend_on_chunks(sweep: Sweep) -> None:
    whole = points(sweep).at(range(sweep.count))
    assert whole.shape == (sweep.count, *IMAGE.shape)
    for i in range(sweep.count):
        assert torch.equal(points(sweep).at(range(i, i + 1))[0], whole[i])
    assert float(points(sweep).weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_sweeps_are_values(sweep: Sweep) -> None:
    assert len({sweep, type(sweep)(**vars(sweep))}) == 1


@pytest.mark.parametrize("baselines", [(), (ZERO, MEAN)])
def test_more_samples_continue_the_sequence(baselines: tuple[Baseline, ...]) -> None:
    few, many = (points(Noise(n, 0.2, baselines)).at(range(3)) for n in (3, 300))
    assert torch.equal(few, many)


@pytest.mark.parametrize(
    ("sweep", "key"),
    [(Noise(3, 0.2), "1"), (Noise(3, 0.2000001), "0"), (Noise(3, 0.2, (ZERO,)), "0"), (Noise(3, 0.2, (MEAN,)), "0")],
)
def test_draws_depend_on_seed_image_and_sweep(sweep: Noise, key: str) -> None:
    same = points(Noise(3, 0.2)).at(range(3))
    assert torch.equal(points(Noise(3, 0.2)).at(range(3)), same)
    assert float((points(sweep, key=key).at(range(3)) - same).abs().mean()) > 0.1


def test_noise_has_the_spread_asked_for() -> None:
    noisy = points(Noise(50, 0.15)).at(range(50)) - IMAGE
    expected = 0.15 * float(IMAGE.max() - IMAGE.min())
    assert float(noisy.std()) == pytest.approx(expected, rel=0.01)
    assert float(noisy.mean()) == pytest.approx(0, abs=0.01 * expected)


def test_mixed_points_lie_between_baseline_and_noisy_image() -> None:
    sweep = Noise(40, 0.1, (ZERO, MEAN))
    mixed = points(sweep)
    shares, origins = [], set()
    for i in range(40):
        start, end = mixed.span(i)
        low, high = mixed.corner(start), mixed.corner(end)
        share = (mixed.at(range(i, i + 1))[0] - low) / (high - low)
        assert float(share.std()) < 1e-3
        shares.append(float(share.median()))
        origins.add(start)
        change = mixed.input_change(range(i, i + 1))
        assert change is not None and torch.equal(change[0], high - low)
    assert 0 <= min(shares) < 0.2 and 0.8 < max(shares) < 1
    assert len(origins) == 2


@pytest.mark.parametrize("rule", get_args(Quadrature))
def test_path_stretches_join(rule: Quadrature) -> None:
    path = points(Path(MEAN, 5, rule))
    spans = [path.span(i) for i in range(5)]
    assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
    mean = IMAGE.flatten(1).mean(1).view(2, 1, 1, 1).expand_as(IMAGE)
    torch.testing.assert_close(path.corner(spans[0][0]), mean)
    torch.testing.assert_close(path.corner(spans[-1][1]), IMAGE)
    lengths = [float((path.corner(end) - path.corner(start)).norm()) for start, end in spans]
    assert np.allclose(lengths, path.weights * float((IMAGE - mean).norm()), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rule", get_args(Quadrature))
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_quadrature(rule: Quadrature, steps: int) -> None:
    nodes, weights = nodes_and_weights(rule, steps)
    assert len(nodes) == len(weights) == steps
    assert weights.sum() == pytest.approx(1) and (weights > 0).all()
    assert (np.diff(nodes) > 0).all() and nodes[0] >= 0 and nodes[-1] <= 1
    error = abs(float(weights @ nodes**2) - 1 / 3)
    assert error < (1e-12 if rule == "gauss_legendre" else 1 / steps)


@pytest.mark.parametrize("steps", [1, 4])
def test_gauss_legendre_is_exact_for_polynomials(steps: int) -> None:
    nodes, weights = nodes_and_weights("gauss_legendre", steps)
    for degree in range(2 * steps):
        assert float(weights @ nodes**degree) == pytest.approx(1 / (degree + 1), rel=1e-12)


def test_random_baselines_follow_the_seed_and_differ_from_each_other() -> None:
    noise = Baseline(kind="noise")
    path = Path(noise, 3)
    assert torch.equal(points(path).corner(0), points(path).corner(0))
    assert not torch.allclose(points(path).corner(0), points(path, key="1").corner(0))
    mixed = points(Noise(30, 0.1, (noise, noise)))
    first, second = mixed.corner(("baseline", 0)), mixed.corner(("baseline", 1))
    assert not torch.allclose(first, second)
