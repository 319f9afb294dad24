"""Activation grid, building blocks and activation atlas: what their twins do not show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from tests.conformance import checks
from tests.conformance.rows import CELLS, Row
from tests.conformance.subject import Subject
from torchesegeta.methods.building_blocks import factorise
from torchesegeta.methods.direction_method import mosaic, shrunk
from torchesegeta.types import Attribution

SIDE = {2: (24, 24), 3: (12, 12, 12)}
FAST = {"transforms": "none", "steps": 4, "cell_size": 6}


class Size(nn.Module):
    """|x|, smoothed."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.mean = (nn.AvgPool2d if dims == 2 else nn.AvgPool3d)(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x.abs())  # type: ignore[no-any-return]


class Stripes(nn.Module):
    """How steep an image is along each axis, two channels for each; two scores: of the first and the second axis."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        conv = (nn.Conv2d if dims == 2 else nn.Conv3d)(1, 2 * dims, 3, padding=1, bias=False)
        with torch.no_grad():
            conv.weight.zero_()
            for channel in range(2 * dims):
                for end, sign in ((0, -1.0), (2, 1.0)):
                    ends = [1] * dims
                    ends[channel // 2] = end
                    conv.weight[(channel, 0, *ends)] = sign * (1 + channel % 2)
        self.edges = nn.Sequential(conv, Size(dims))

    def forward(self, x: Tensor) -> Tensor:
        steep: Tensor = self.edges(x).flatten(2).mean(2)
        return torch.stack([steep[:, 0] + steep[:, 1], steep[:, 2] + steep[:, 3]], 1)


def stripes(dims: int, axis: int, seed: int = 0) -> Tensor:
    """Waves along one axis with a little noise."""
    shape = SIDE[dims]
    phase = float(torch.rand((), generator=torch.Generator().manual_seed(seed))) * 6
    wave = torch.sin(torch.arange(shape[axis]) * 1.5 + phase)
    noise = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed))
    return wave.view(-1, *(1,) * (dims - 1 - axis)) + 0.02 * noise


def run(name: str, images: Any, dims: int, **options: Any) -> list[Attribution]:
    asked = {"name": name, **FAST, **options.pop("parameters", {})}
    return list(te.explain(Stripes(dims), images, [asked], options.pop("target", 0), ["edges"], **options))


def one(*found: Attribution) -> Attribution:
    (mine,) = found
    assert mine.status == "ok" and mine.values is not None, mine.reason
    return mine


@pytest.mark.parametrize("dims", [2, 3])
def test_groups_are_those_that_were_planted(dims: int) -> None:
    image = stripes(dims, 0)
    half = SIDE[dims][0] // 2
    image[:, half:] = stripes(dims, 1)[:, half:]
    groups = run("building_blocks", image, dims, target=[0, 1], parameters={"components": 2})
    assert [(g.target, g.target_index, g.status) for g in groups] == [("group 0", 0, "ok"), ("group 1", 1, "ok")]
    upper = groups[0].arrays["where"][:, :half].sum() / groups[0].arrays["where"].sum()
    first, second = groups if upper > 0.5 else groups[::-1]
    for group, axis in ((first, 0), (second, 1)):
        where = group.arrays["where"]
        assert where.shape == (1, *SIDE[dims])
        here, there = where.tensor_split([half - 3, half + 3], 1)[:: 2 - 4 * axis]
        assert float(here.mean()) > 3 * float(there.mean())
        direction = group.arrays["direction"]
        assert float(direction[2 * axis : 2 * axis + 2].norm() / direction.norm()) > 0.95
        speaks, other = (group.measures[f"attribution_to_{name}"] for name in (axis, 1 - axis))
        assert speaks > 5 * abs(other)
    assert sum(g.measures["share"] for g in groups) == pytest.approx(1, abs=0.05)
    assert groups[0].measures["share"] >= groups[1].measures["share"]


@pytest.mark.parametrize("dims", [2, 3])
def test_attribution_of_groups_adds_up(dims: int) -> None:
    groups = run("building_blocks", stripes(dims, 0), dims, target=[0, 1], parameters={"components": 2 * dims})
    scores = Stripes(dims)(stripes(dims, 0)[None])[0].tolist()
    for target, score in enumerate(scores):
        total = sum(g.measures[f"attribution_to_{target}"] for g in groups)
        assert total == pytest.approx(score, rel=0.05), "the score is linear in the layer"
        for g in groups:
            by_place, by_channel = g.arrays["spatial_attribution"][target], g.arrays["channel_attribution"][target]
            assert float(by_place.sum()) == pytest.approx(float(by_channel.sum()), rel=1e-4)


def test_groups_without_targets() -> None:
    assert "spatial_attribution" in run("building_blocks", stripes(2, 0), 2)[0].arrays
    plain = run("building_blocks", stripes(2, 0), 2, parameters={"attribute": False})
    assert set(plain[0].arrays) == {"where", "direction"}
    assert not any(name.startswith("attribution") for name in plain[0].measures)


def test_groups_are_never_more_than_channels() -> None:
    assert len(run("building_blocks", stripes(2, 0), 2, parameters={"components": 50})) == 4


def test_factorisation_is_what_it_says() -> None:
    source = torch.Generator().manual_seed(0)
    where, directions = torch.rand(3, 5, 6, generator=source), torch.rand(3, 7, generator=source)
    values = torch.einsum("gxy,gc->cxy", where, directions)
    groups = factorise(values, 3, 5000, seed=0)
    again = torch.einsum("gxy,gc->cxy", groups.where, groups.directions)
    assert (
        float((again - values).norm() / values.norm()) == pytest.approx(groups.error, abs=1e-6) and groups.error < 0.01
    )
    torch.testing.assert_close(groups.directions.norm(dim=1), torch.ones(3, dtype=torch.double))
    assert groups.shares.tolist() == sorted(groups.shares.tolist(), reverse=True)


class Silent(Stripes):
    """The same, with a layer that puts out nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * 0)


@pytest.mark.parametrize("name", ["activation_grid", "building_blocks", "activation_atlas"])
def test_a_silent_layer_is_refused(name: str) -> None:
    asked = {"name": name, **FAST}
    images = [stripes(2, 0), stripes(2, 1)] if name == "activation_atlas" else stripes(2, 0)
    (found, *_) = te.explain(Silent(2), images, [asked], 0, ["edges"])
    assert found.status == "incompatible"
    assert "'edges' puts out nothing" in str(found.reason)


@pytest.mark.parametrize("dims", [2, 3])
def test_grid_covers_the_image(dims: int) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = 5, 6, 7
    image = te.Image(stripes(dims, 0), affine)
    found = one(*run("activation_grid", image, dims, parameters={"cells": 2}))
    assert found.values is not None and found.values.shape == (1, *(12,) * dims)
    assert found.affine is not None
    edges = [np.array([size - 0.5] * dims + [0] * (3 - dims) + [1.0]) for size in (0, 12)]
    whole = [np.array([size - 0.5] * dims + [0] * (3 - dims) + [1.0]) for size in (0, SIDE[dims][0])]
    for mine, theirs in zip(edges, whole, strict=True):
        np.testing.assert_allclose(found.affine @ mine, affine @ theirs)
    assert found.arrays["pictures"].shape == (2**dims, 1, *(6,) * dims)
    activation = Stripes(dims).edges(stripes(dims, 0)[None])[0]
    corner = activation[(slice(None), *(slice(n // 2) for n in SIDE[dims]))].flatten(1).mean(1)
    torch.testing.assert_close(found.arrays["activations"].flatten(1)[:, 0], corner.detach())
    torch.testing.assert_close(found.arrays["norms"].flatten()[0], corner.detach().norm())


def test_pictures_of_an_atlas_have_no_place() -> None:
    images = [te.Image(stripes(2, n % 2, n), np.eye(4), name=f"{n}") for n in range(2)]
    assert one(*run("activation_atlas", images, 2, parameters={"grid": 2})).affine is None


@pytest.mark.parametrize("check", [checks.does_not_depend_on_chunks, checks.treats_axes_alike, checks.repeats])
@pytest.mark.parametrize("dims", [2, 3])
def test_grids_of_several_cells_conform(dims: int, check: checks.Check) -> None:
    check(Subject("activation_grid", Row("image", {**CELLS, "cells": 2}, of_layer=True), "segmentation", dims))


@pytest.mark.parametrize("layout", ["pca", "tsne"])
@pytest.mark.parametrize("dims", [2, 3])
def test_two_kinds_of_images_lie_apart(dims: int, layout: str) -> None:
    images = [te.Image(stripes(dims, n % 2, n), name=f"{n}") for n in range(6)]
    parameters = {"grid": 2, "samples": 12, "layout": layout, "neighbours": 10}
    found = one(*run("activation_atlas", images, dims, target=[0, 1], parameters=parameters))
    kinds = found.arrays["image"].long() % 2
    positions = found.arrays["positions"]
    apart = torch.cdist(positions, positions).fill_diagonal_(9)
    assert float((kinds[apart.argmin(1)] == kinds).float().mean()) > 0.9
    counts, cell = found.arrays["counts"], found.arrays["cell"].long()
    assert counts.sum() == len(cell) == 72 and found.measures["vectors"] == 72
    assert torch.equal(counts.flatten(), torch.bincount(cell, minlength=4).float())
    for name, kind in (("0", 0), ("1", 1)):
        speaks = found.arrays[f"attribution_to_{name}"].flatten()
        share = torch.stack([(kinds[cell == n] == kind).float().mean() for n in range(4)])
        known = ~share.isnan()
        assert torch.equal(speaks.isnan(), ~known)
        assert float(speaks[known][share[known].argmax()]) > float(speaks[known][share[known].argmin()])


def test_class_atlas_holds_what_speaks_for_a_class() -> None:
    images = [te.Image(stripes(2, n % 2, n), name=f"{n}") for n in range(6)]
    parameters = {"grid": 2, "samples": 12, "layout": "pca", "speaks_for": "1"}
    found = one(*run("activation_atlas", images, 2, target=[0, 1], parameters=parameters))
    assert found.target == "1"
    kinds = found.arrays["image"].long() % 2
    assert float(kinds.float().mean()) > 0.9
    unknown = run("activation_atlas", images, 2, target=[0, 1], parameters={**parameters, "speaks_for": "2"})
    assert unknown[0].status == "incompatible"
    assert "speaks_for: target '2' does not exist" in str(unknown[0].reason)


def test_the_order_of_images_changes_nothing_but_the_start() -> None:
    images = [te.Image(stripes(2, n % 2, n), name=f"{n}") for n in range(4)]
    parameters = {"grid": 3, "samples": 9, "layout": "tsne", "neighbours": 5}
    found = one(*run("activation_atlas", images, 2, parameters=parameters))
    other = one(*run("activation_atlas", [images[n] for n in (2, 0, 3, 1)], 2, parameters=parameters))
    order = torch.cat([torch.arange(9) + 9 * n for n in (2, 0, 3, 1)])
    assert torch.equal(other.arrays["positions"], found.arrays["positions"][order])
    assert torch.equal(other.arrays["counts"], found.arrays["counts"])
    torch.testing.assert_close(other.arrays["activations"], found.arrays["activations"])


def test_seeds_choose_places() -> None:
    images = [te.Image(stripes(2, n % 2, n), name=f"{n}") for n in range(3)]
    asked = {"layout": "pca", "grid": 2}
    first, again, other = (one(*run("activation_atlas", images, 2, seed=n, parameters=asked)) for n in (0, 0, 1))
    assert first.values is not None and again.values is not None and torch.equal(first.values, again.values)
    assert not torch.equal(first.arrays["positions"], other.arrays["positions"])


def test_cells_with_few_vectors_stay_empty() -> None:
    images = [te.Image(stripes(2, n % 2, n), name=f"{n}") for n in range(3)]
    found = one(*run("activation_atlas", images, 2, parameters={"layout": "pca", "grid": 4, "least": 5}))
    assert found.values is not None
    empty = found.arrays["counts"] < 5
    assert found.measures["filled_cells"] == float((~empty).sum()) < 16
    cells = found.values[0].view(4, 6, 4, 6).permute(0, 2, 1, 3)
    assert bool((cells[empty] == images[0].data.min()).all())
    assert bool((cells[~empty] != images[0].data.min()).flatten(1).any(1).all())


def test_an_atlas_of_one_image_is_refused() -> None:
    (found,) = run("activation_atlas", stripes(2, 0), 2)
    assert found.status == "incompatible" and "at least two" in str(found.reason)


def test_umap_or_what_replaces_it_is_told() -> None:
    images = [te.Image(stripes(2, n % 2, n), name=f"{n}") for n in range(2)]
    found = one(*run("activation_atlas", images, 2, parameters={"grid": 2, "samples": 4}))
    assert found.warnings[0] in ("laid out by UMAP", "laid out by t-SNE")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("activation_grid", {"cells": 2}), ("building_blocks", {"components": 1}), ("activation_atlas", {"grid": 1})],
)
def test_deadlines_keep_what_there_is(name: str, parameters: dict[str, Any]) -> None:
    images: Any = [stripes(2, 0), stripes(2, 1)] if name == "activation_atlas" else stripes(2, 0)
    run(name, images, 2, parameters=parameters)  # what is imported on the way takes no time from it
    slow = {"steps": 100_000, "timeout_s": 2, **parameters}
    (found,) = run(name, images, 2, parameters=slow)
    assert found.status == "partial" and found.values is not None
    assert str(found.reason).startswith("the deadline came")
    assert found.seconds < 10


def test_a_mosaic_puts_each_picture_in_its_place() -> None:
    pictures = torch.arange(6).view(6, 1, 1, 1, 1).expand(6, 2, 2, 3, 4)
    laid = mosaic(pictures, (1, 3, 2))
    assert laid.shape == (2, 2, 9, 8)
    for number in range(6):
        row, column = divmod(number, 2)
        assert bool((laid[:, :, 3 * row : 3 * row + 3, 4 * column : 4 * column + 4] == number).all())


def test_a_shrunk_picture_keeps_its_mean() -> None:
    picture, around = torch.rand(2, 8, 8), torch.full((2, 8, 8), -1.0)
    small = shrunk(picture, 0.25, around)
    assert bool((small[:, :2] == -1).all()) and bool((small[:, 2:6, 2:6] >= 0).all())
    torch.testing.assert_close(small[:, 2:6, 2:6].mean((1, 2)), picture.mean((1, 2)))
    assert torch.equal(shrunk(picture, 1.0, around), picture)
