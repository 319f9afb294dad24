"""Faithfulness along a ranking: slow twins, order, scale, chance, what is followed, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.baselines import Baseline
from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.features import Features
from torchesegeta.sweeps import Plain, Ranked
from torchesegeta.sweeps.imputation import impute

from .nets import SIZES, Classifier, Segmenter, image

BLOCKS = {"kind": "blocks", "size": 5}
CURVES = [
    "deletion",
    "insertion",
    "pixel_flipping",
    "region_perturbation",
    "road",
    "selectivity",
    "sufficiency",
    "monotonicity",
]
Score = Callable[[Tensor], float]
Voxels = list[tuple[int, ...]]


def noise(dims: int, seed: int = 9, channels: int = 1) -> Tensor:
    return torch.randn(channels, *SIZES[dims], generator=torch.Generator().manual_seed(seed))


def subject(dims: int, channels: int = 1) -> tuple[nn.Module, Tensor, te.Attribution]:
    net, x = Classifier(dims, channels), image(dims, channels)
    one = te.explain(net, x, ["input_x_gradient"], target=1)[0]
    one.values = noise(dims, channels=channels)
    return net, x, one


def plain_score(net: nn.Module) -> Score:
    def score(x: Tensor) -> float:
        with torch.no_grad():
            return float(net.eval()(x[None])[0, 1])

    return score


def voxels_by_rank(values: Tensor) -> Voxels:
    evidence = values.sum(0).numpy()
    return sorted(product(*map(range, evidence.shape)), key=lambda v: -float(evidence[v]))


def blocks_by_rank(values: Tensor, size: int = 5) -> list[Voxels]:
    evidence = values.sum(0).numpy()
    blocks: dict[tuple[int, ...], Voxels] = {}
    for voxel in product(*map(range, evidence.shape)):
        blocks.setdefault(tuple(v // size for v in voxel), []).append(voxel)
    return sorted(blocks.values(), key=lambda block: -float(np.mean([float(evidence[v]) for v in block])))


def without(x: Tensor, voxels: Voxels, other: Tensor) -> Tensor:
    point = x.clone()
    for voxel in voxels:
        place: Any = (slice(None), *voxel)
        point[place] = other[place]
    return point


def trapezoids(shares: list[float], scores: list[float]) -> float:
    pairs = list(zip(shares, scores, strict=True))
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in zip(pairs, pairs[1:], strict=False))


def twin_removal(score: Score, x: Tensor, parts: list[Voxels], other: Tensor, counts: list[int]) -> float:
    scores = [score(without(x, [v for part in parts[:n] for v in part], other)) for n in [0, *counts]]
    scaled = [(s - scores[-1]) / abs(scores[0] - scores[-1]) for s in scores]
    return trapezoids([n / len(parts) for n in [0, *counts]], scaled)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", ["deletion", "pixel_flipping"])
def test_removal_of_voxels_equals_its_twin(name: str, dims: int) -> None:
    net, x, one = subject(dims, channels=2)
    assert one.values is not None
    order = [[v] for v in voxels_by_rank(one.values)]
    counts = [round(k * len(order) / 5) for k in range(1, 6)]
    low, high = (torch.stack([f(c) for c in x]).view(-1, *[1] * dims) for f in (torch.min, torch.max))
    other = torch.zeros_like(x) if name == "deletion" else low + high - x
    expected = twin_removal(plain_score(net), x, order, other, counts)
    (score,) = te.evaluate(net, x, one, {"name": name, "steps": 5})
    assert score.value == pytest.approx(expected, rel=1e-4)
    assert list(score.curves) == ["score"] and score.steps[0] == "0" and score.steps[-1] == "1"


@pytest.mark.parametrize("dims", [2, 3])
def test_selectivity_equals_its_twin(dims: int) -> None:
    net, x, one = subject(dims)
    assert one.values is not None
    parts = blocks_by_rank(one.values)
    other = torch.full_like(x, 0.3)
    expected = twin_removal(plain_score(net), x, parts, other, list(range(1, len(parts) + 1)))
    (score,) = te.evaluate(net, x, one, {"name": "selectivity", "features": BLOCKS, "baseline": 0.3})
    assert score.value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_insertion_and_sufficiency_equal_their_twins(dims: int) -> None:
    net, x, one = subject(dims)
    assert one.values is not None
    f, order, empty = plain_score(net), voxels_by_rank(one.values), torch.zeros_like(x)
    counts = [round(k * len(order) / 4) for k in range(5)]
    scores = [f(without(empty, order[:n], x)) for n in counts]
    scaled = [(s - scores[0]) / abs(scores[-1] - scores[0]) for s in scores]
    insertion, sufficiency = te.evaluate(
        net,
        x,
        one,
        [
            {"name": "insertion", "steps": 4, "baseline": 0},
            {"name": "sufficiency", "shares": [0.25, 0.5]},
        ],
    )
    assert insertion.value == pytest.approx(trapezoids([n / len(order) for n in counts], scaled), rel=1e-4)
    missing = [(scores[-1] - s) / abs(scores[-1] - scores[0]) for s in scores[1:3]]
    assert sufficiency.value == pytest.approx(np.mean(missing), rel=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
def test_region_perturbation_and_monotonicity_equal_their_twins(dims: int) -> None:
    net, x, one = subject(dims)
    assert one.values is not None
    f, parts, empty = plain_score(net), blocks_by_rank(one.values), torch.zeros_like(x)
    falls = [f(x) - f(without(x, [v for part in parts[:n] for v in part], empty)) for n in range(4)]
    rises = [f(without(empty, [v for part in parts[::-1][:n] for v in part], x)) for n in range(1, len(parts) + 1)]
    perturbed, monotone = te.evaluate(
        net,
        x,
        one,
        [
            {"name": "region_perturbation", "features": BLOCKS, "regions": 3, "baseline": 0},
            {"name": "monotonicity", "features": BLOCKS},
        ],
    )
    assert perturbed.value == pytest.approx(np.mean(falls), rel=1e-4)
    holds = [b >= a for a, b in zip(rises, rises[1:], strict=False)]
    assert monotone.value == pytest.approx(np.mean(holds)) and monotone.measures["monotone"] == all(holds)


def imputed(x: NDArray[np.float64], gone: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Dense, voxel by voxel: each missing voxel is the weighted mean of its neighbours."""
    voxels = [tuple(v) for v in np.argwhere(gone)]
    matrix, right = np.zeros((len(voxels), len(voxels))), np.zeros((len(voxels), len(x)))
    faces_edges_corners = {2: (1 / 6, 1 / 12), 3: (1 / 14, 1 / 28, 1 / 56)}[gone.ndim]
    for row, voxel in enumerate(voxels):
        for way in product((-1, 0, 1), repeat=gone.ndim):
            there = tuple(v + w for v, w in zip(voxel, way, strict=True))
            inside = all(0 <= t < n for t, n in zip(there, gone.shape, strict=True))
            if not any(way) or not inside:
                continue
            share = faces_edges_corners[sum(map(abs, way)) - 1]
            matrix[row, row] += share
            if gone[there]:
                matrix[row, voxels.index(there)] -= share
            else:
                right[row] += share * x[(slice(None), *there)]
    filled = x.copy()
    filled[:, gone] = np.linalg.solve(matrix, right).T
    return filled


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_imputation_equals_its_twin(dims: int, share: float) -> None:
    x = noise(dims, channels=2)[:, :6, :7].contiguous()
    gone = torch.rand(x.shape[1:], generator=torch.Generator().manual_seed(1)) < share
    spoilt = torch.where(gone, torch.tensor(1e6), x)
    expected = torch.from_numpy(imputed(x.double().numpy(), gone.numpy()))
    torch.testing.assert_close(impute(spoilt, gone).double(), expected, rtol=1e-4, atol=1e-4)


def test_imputation_at_its_ends() -> None:
    x = noise(2)
    assert torch.equal(impute(x, torch.zeros(SIZES[2], dtype=torch.bool)), x)
    with pytest.raises(IncompatibleError, match="nothing of the image is left"):
        impute(x, torch.ones(SIZES[2], dtype=torch.bool))
    slope = torch.linspace(0, 1, 9)[None, :, None].expand(1, 9, 11).contiguous()
    gone = torch.zeros(9, 11, dtype=torch.bool)
    gone[4, 5] = True
    torch.testing.assert_close(impute(slope, gone), slope)  # a plane is its own mean


@pytest.mark.parametrize("dims", [2, 3])
def test_road_equals_its_twin(dims: int) -> None:
    net, x, one = subject(dims)
    assert one.values is not None
    f, order, gaps = plain_score(net), voxels_by_rank(one.values), []
    for share in (0.2, 0.5):
        found = []
        for ranked in (order, order[::-1]):
            gone = np.zeros(SIZES[dims], dtype=bool)
            gone[tuple(np.array(ranked[: round(share * len(order))]).T)] = True
            found.append(f(torch.from_numpy(imputed(x.double().numpy(), gone)).float()))
        gaps.append(found[1] - found[0])
    (score,) = te.evaluate(net, x, one, {"name": "road", "shares": [0.2, 0.5], "noise": 0})
    assert score.value == pytest.approx(np.mean(gaps), rel=1e-3, abs=1e-5)
    (noisy,) = te.evaluate(net, x, one, {"name": "road", "shares": [0.2, 0.5]})
    assert noisy.value != score.value and noisy.value == pytest.approx(score.value, abs=0.05)


class Sum(nn.Module):
    """A linear score whose right map is known: the sum of weight · value."""

    weight: Tensor

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.register_buffer("weight", noise(dims, seed=3).abs() * (noise(dims, seed=4) > 0.8))

    def forward(self, x: Tensor) -> Tensor:
        score = (x * self.weight).flatten(1).sum(1)
        return torch.stack([-score, score], 1)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("name", CURVES)
def test_the_right_map_beats_chance_and_chance_its_negative(name: str, dims: int) -> None:
    net = Sum(dims)
    x = 0.5 + 1.5 * (net.weight > 0) + 0.01 * image(dims)
    one = te.explain(net, x, ["input_x_gradient"], target=1)[0]
    assert one.values is not None
    wanted: dict[str, Any] = {"name": name}
    if "features" in te.metrics()[name].model_fields:
        wanted["features"] = {"kind": "blocks", "size": 2}
    if name == "insertion":
        wanted["baseline"] = 0
    maps = [one.values, noise(dims, seed=5), -one.values]
    right, chance, negated = (te.evaluate(net, x, replace(one, values=v), wanted)[0] for v in maps)
    assert right.value is not None and chance.value is not None and negated.value is not None, right.reason
    if name == "monotonicity":
        assert right.value == chance.value == negated.value == 1, "evidence is positive everywhere"
        return
    sign = 1 if te.metrics()[name].better == "higher" else -1
    assert sign * right.value > sign * chance.value > sign * negated.value


@pytest.mark.parametrize("name", ["deletion", "insertion", "pixel_flipping"])
def test_what_is_promised_of_linear_scores(name: str) -> None:
    net, x = Sum(2), torch.ones(1, *SIZES[2])
    one = te.explain(net, x, ["input_x_gradient"], target=1)[0]
    assert one.values is not None
    values = torch.zeros_like(one.values)
    values[0, 0, 0] = 1
    tied, wanted = replace(one, values=values), {"name": name, **({"baseline": 0.0})}
    (score,) = te.evaluate(net, x, tied, wanted)
    assert score.value == pytest.approx(0.5, abs=0.15)
    (other,) = te.evaluate(net, x, tied, wanted, seed=7)
    assert other.value != score.value, "the order of equal values is drawn"


@pytest.mark.parametrize("name", CURVES)
def test_neither_chunks_nor_company_change_a_curve(name: str) -> None:
    net, x = Segmenter(3), image(3)
    maps = te.explain(net, x, ["saliency", "input_x_gradient"], target={"kind": "multiclass"})
    alone = [te.evaluate(net, x, one, name)[0] for one in maps]
    together = te.evaluate(net, x, maps, name, chunk_size=3)
    for a, b in zip(alone, together, strict=True):
        assert (a.label, a.target) == (b.label, b.target)
        assert a.curves["highest_first" if name == "road" else "score"] == pytest.approx(
            b.curves["highest_first" if name == "road" else "score"], rel=1e-3, abs=1e-3
        )


@pytest.mark.parametrize("dims", [2, 3])
def test_dice_of_the_predicted_region(dims: int) -> None:
    net, x = Segmenter(dims).eval(), image(dims)
    one = te.explain(net, x, ["input_x_gradient"], target={"kind": "multiclass", "classes": [1]})[0]
    one.values = noise(dims)
    (score,) = te.evaluate(net, x, one, {"name": "deletion", "on": "dice", "steps": 3})
    order = voxels_by_rank(one.values)

    def region(point: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = net(point[None])[0].argmax(0) == 1
            return found

    whole = region(x)
    for step, found in zip([0, 1, 2, 3], score.curves["score"], strict=True):
        now = region(without(x, order[: round(step * len(order) / 3)], torch.zeros_like(x)))
        assert found == pytest.approx(2 * float((now & whole).sum()) / float(now.sum() + whole.sum()))
    assert score.measures["whole"] == 1


def test_dice_needs_a_region() -> None:
    net, x = Classifier(), image()
    one = te.explain(net, x, ["saliency"], target=1)[0]
    (score,) = te.evaluate(net, x, one, {"name": "deletion", "on": "dice"})
    assert score.status == "incompatible" and "needs a segmentation" in (score.reason or "")
    segmenter = Segmenter()
    maps = te.explain(segmenter, x, ["saliency"], target={"kind": "threshold"})
    scores = te.evaluate(segmenter, x, maps, {"name": "road", "on": "dice"})
    assert all(s.status == "incompatible" and "belongs to no class" in (s.reason or "") for s in scores)


def test_a_score_that_nothing_changes_is_refused() -> None:
    net, x = Sum(2), torch.zeros(1, *SIZES[2])
    one = te.explain(net, x, ["saliency"], target=1)[0]
    (score,) = te.evaluate(net, x, one, "deletion")
    assert score.status == "incompatible" and "choose another replacement" in (score.reason or "")


def test_a_replacement_that_speaks_for_the_target_is_said() -> None:
    net, x = Sum(2), torch.ones(1, *SIZES[2])
    one = te.explain(net, x, ["saliency"], target=1)[0]
    (score,) = te.evaluate(net, x, one, {"name": "deletion", "baseline": 5.0})
    assert score.status == "ok" and "speaks for the target" in score.warnings[0]


def test_from_patches_in_bfloat16_and_of_layers() -> None:
    x = image()
    maps = te.explain(Segmenter(), x, ["saliency", "layer_gradcam"], target=1, patches={"size": [6, 6]}, layers="first")
    for score in te.evaluate(Segmenter(), x, maps, [{"name": n} for n in CURVES]):
        assert score.status == "ok", f"{score.metric}: {score.reason}"
    (dice,) = te.evaluate(Segmenter(), x, maps[0], {"name": "deletion", "on": "dice"})
    assert dice.measures["whole"] == 1 and 0 <= dice.measures["nothing"] < 1
    half = te.explain(Segmenter(), x, ["saliency"], target=1, precision="bfloat16")
    assert te.evaluate(Segmenter(), x, half, "deletion")[0].status == "ok"


def test_cost_is_a_pass_per_point() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency", "input_x_gradient"], target=1)
    score = te.evaluate(net, x, maps, {"name": "deletion", "steps": 10})[0]
    assert score.passes == {"forward": 2 * 10 + 1, "backward": 0}


def test_shares_that_do_not_ascend_are_refused() -> None:
    net, x = Classifier(), image()
    maps = te.explain(net, x, ["saliency"], target=1)
    with pytest.raises(ConfigError, match="ascending"):
        te.evaluate(net, x, maps, {"name": "road", "shares": [0.5, 0.2]})


def test_features_of_each_channel_rank_apart() -> None:
    x = image(2, 2)
    guide = noise(2, channels=2)
    change = Ranked(Features(kind="voxels", per_channel=True), Plain(Baseline(kind="zero")), (0.5,))
    (point,) = change.points(x, "", guide).at(range(1))
    assert int((point == 0).sum()) == x.numel() // 2
    assert bool(guide[point == 0].min() >= guide[point != 0].max())


def test_a_fill_of_draws_is_the_same_for_all_maps() -> None:
    net, x, one = subject(2)
    other = replace(one, label="other", method="saliency", values=noise(2, seed=11))
    wanted = {"name": "region_perturbation", "features": BLOCKS, "regions": None}
    first, second = te.evaluate(net, x, [one, other], wanted)
    assert first.curves["score"][-1] == pytest.approx(second.curves["score"][-1], rel=1e-4)
