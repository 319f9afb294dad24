"""Extremal perturbation: the mask finds what decides, keeps its area, and says what it reached."""

from __future__ import annotations

import multiprocessing
import resource
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import torchesegeta as te
from torchesegeta.models.nets import UNet
from torchesegeta.optimisation.exposures import Blurred
from torchesegeta.optimisation.exposures.blend import seen_through
from torchesegeta.optimisation.objectives import Area
from torchesegeta.optimisation.parameterisations import Blank, Grid, SmoothMasks
from torchesegeta.optimisation.parameterisations.smooth_maximum import SmoothMaximum
from torchesegeta.types import Attribution

SIZES = {2: (26, 30), 3: (14, 16, 18)}
STARTS = {2: (5, 12), 3: (3, 6, 8)}
SIDE = {2: 9, 3: 7}
SHARE_OF_CHANGE = 0.05
"""How much more or less of the score's change a mask may reach: the tolerance of the published masks' entries."""


class Finder(nn.Module):
    """Scores what is bright over a small neighbourhood; the second class what is dark, the third a bit of both."""

    def __init__(self, dims: int, spatial: bool = False) -> None:
        super().__init__()
        self.pool = (nn.AvgPool2d if dims == 2 else nn.AvgPool3d)(3, 1, 1)
        self.spatial = spatial

    def forward(self, x: Tensor) -> Tensor:
        bright = softplus(self.pool(x) - 0.5, beta=10)
        output = torch.cat([bright, 0.2 - bright, 0.3 * bright], 1)
        return output if self.spatial else 10 * output.flatten(2).mean(2)


def scene(dims: int) -> tuple[Tensor, Tensor]:
    """A dim, noisy image (1, *spatial) with one bright object, and where the object is (*spatial)."""
    inside = torch.zeros(SIZES[dims], dtype=torch.bool)
    inside[tuple(slice(s, s + SIDE[dims]) for s in STARTS[dims])] = True
    noise = 0.2 * torch.rand(SIZES[dims], generator=torch.Generator().manual_seed(dims))
    return torch.where(inside, 1.0, noise)[None], inside


def explained(model: nn.Module, image: Tensor, target: Any = 0, **parameters: Any) -> Attribution:
    method = {
        "name": "extremal_perturbation",
        "steps": 150,
        "perturbation": "fade",
        "learning_rate": 0.05,
        **parameters,
    }
    (found,) = te.explain(model, image, [method], target=target)
    return found


def values_of(found: Attribution) -> Tensor:
    assert found.values is not None, found.reason
    return found.values


@pytest.mark.parametrize(
    ("variant", "steps", "covered"), [("preserve", 150, 0.75), ("delete", 300, 0.6), ("dual", 150, 0.75)]
)
@pytest.mark.parametrize("dims", [2, 3])
def test_mask_finds_the_object_that_decides(dims: int, variant: str, steps: int, covered: float) -> None:
    """A smooth mask of the object's own size rounds its corners; to delete the object, less than all of it must go."""
    image, inside = scene(dims)
    share = float(inside.float().mean())
    range_ = (100.0, 100.0)  # the score is flat where nearly all is deleted: a weak one would not be seen
    found = explained(Finder(dims), image, areas=[share], variant=variant, steps=steps, score_range=range_)
    mask = values_of(found)[0]
    assert found.status == "ok" and not found.signed and tuple(mask.shape) == SIZES[dims]
    assert float(mask.min()) >= 0 and float(mask.max()) <= 1
    assert float(mask[inside].mean()) > covered and float(mask[~inside].mean()) < 0.1


@pytest.mark.parametrize("dims", [2, 3])
def test_region_of_a_segmentation(dims: int) -> None:
    image, inside = scene(dims)
    target = {"kind": "region", "class": 0, "mask": inside}
    share = float(inside.float().mean())
    found = explained(
        Finder(dims, spatial=True), image, target, areas=[share], perturbation="blur", max_blur=6.0, area_weight=600
    )
    mask = values_of(found)[0]
    assert float(mask[inside].mean()) > 0.65 and float(mask[~inside].mean()) < 0.1
    assert found.measures[f"covered_at_area_{share:g}"] == pytest.approx(share, abs=0.05)


def test_map_is_the_mean_of_the_masks_which_do_not_depend_on_each_other() -> None:
    image, _ = scene(2)
    both = explained(Finder(2), image, areas=[0.1, 0.3], steps=20, nested=False)
    assert set(both.arrays) == {"mask 0.1", "mask 0.3"}
    torch.testing.assert_close(values_of(both), (both.arrays["mask 0.1"] + both.arrays["mask 0.3"]) / 2)
    for area in (0.1, 0.3):
        alone = explained(Finder(2), image, areas=[area], steps=20)
        torch.testing.assert_close(values_of(alone), both.arrays[f"mask {area:g}"], rtol=1e-4, atol=1e-4)
    assert torch.equal(
        values_of(both), values_of(explained(Finder(2), image, areas=[0.1, 0.3], steps=20, nested=False))
    )


@pytest.mark.parametrize("dims", [2, 3])
def test_nested_masks_go_on_from_the_next_larger_and_reach_as_much(dims: int) -> None:
    image, _ = scene(dims)
    areas, passes = [0.02, 0.05, 0.1], {False: 3 * 150, True: 150 + 2 * 38}
    found = {nested: explained(Finder(dims), image, areas=areas, nested=nested) for nested in (False, True)}
    for nested, one in found.items():
        assert one.passes["backward"] == passes[nested], one.reason
    change = found[True].measures["score_of_image"] - found[True].measures["score_of_perturbed"]
    for area in areas:
        reached = [found[nested].measures[f"score_at_area_{area:g}"] for nested in (False, True)]
        assert reached[1] == pytest.approx(reached[0], abs=SHARE_OF_CHANGE * change)
        assert found[True].measures[f"covered_at_area_{area:g}"] == pytest.approx(area, abs=0.03)


@pytest.mark.parametrize("shape", [(26, 30), (14, 16, 18)])
def test_masks_are_taken_up_where_they_were_left(shape: tuple[int, ...]) -> None:
    """A mask gives cells back that make nearly the same mask."""
    masks, inside = SmoothMasks(), torch.zeros(shape)
    inside[tuple(slice(n // 4, 3 * n // 4) for n in shape)] = 1
    grid, image = masks.grid(shape), torch.rand(1, *shape)
    blank = Blank((1, *grid.shape), (("", 0),), image)
    given = torch.zeros(1, 1, *grid.shape)
    grid.inner(given)[:] = inside
    smooth = masks.begin(replace(blank, given=given)).render().detach()
    again = masks.begin(replace(blank, given=smooth)).render().detach()
    assert float(smooth.max()) > 0.9 and float(smooth.min()) < 0.1
    assert float((smooth - again).abs().max()) < 0.2 and float((smooth - again).abs().mean()) < 0.03


@torch.no_grad()
def test_measures_are_those_of_the_final_masks() -> None:
    image, _ = scene(2)
    given = {"perturbation": "blur", "max_blur": 5.0, "levels": 4}
    found = explained(Finder(2), image, areas=[0.15], steps=10, variant="dual", **given)
    levels, mask, net = Blurred(4, 5.0).levels_of(image), values_of(found)[None], Finder(2)
    scores = {
        "score_of_image": net(image[None]),
        "score_of_perturbed": net(levels[:1]),
        "score_at_area_0.15": net(seen_through(mask, levels)),
        "score_without_area_0.15": net(seen_through(1 - mask, levels)),
    }
    assert set(found.measures) == {*scores, "covered_at_area_0.15"}
    for name, output in scores.items():
        assert found.measures[name] == pytest.approx(float(output[0, 0]), rel=1e-4), name
    assert found.measures["covered_at_area_0.15"] == pytest.approx(float(mask.mean()))


def test_scores_of_any_size_hold_out_against_the_area() -> None:
    image, _ = scene(2)

    class Scaled(Finder):
        factor = 1.0

        def forward(self, x: Tensor) -> Tensor:
            return self.factor * super().forward(x)

    def mask(factor: float, **given: Any) -> Tensor:
        net = Scaled(2)
        net.factor = factor
        return values_of(explained(net, image, areas=[0.1], steps=20, **given))

    torch.testing.assert_close(mask(1.0), mask(0.01), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(mask(1e3), mask(1e5), rtol=1e-3, atol=1e-3)
    assert float((mask(1e3) - mask(1.0)).abs().max()) > 0.1
    torch.testing.assert_close(mask(50.0), mask(50.0, score_range=None), rtol=1e-4, atol=1e-4)


def test_says_when_the_area_is_not_kept() -> None:
    image, _ = scene(2)
    found = explained(Finder(2), image, areas=[0.1], steps=2)
    assert any("the mask for area 0.1 covers" in text for text in found.warnings)
    with pytest.raises(te.errors.ConfigError, match="the lowest change, 5, is above the highest, 1"):
        explained(Finder(2), image, score_range=[5, 1])


def test_contrastive_reward_against_the_best_other_class() -> None:
    image, inside = scene(2)
    share = float(inside.float().mean())
    mask = values_of(explained(Finder(2), image, areas=[share], reward="contrastive"))[0]
    assert float(mask[inside].mean()) > 0.8
    target = {"kind": "region", "class": 0, "mask": inside}
    refused = explained(Finder(2, spatial=True), image, target, areas=[share], reward="contrastive", steps=3)
    assert refused.status == "incompatible" and "only targets of kind 'class'" in str(refused.reason)


def test_deadline_keeps_the_masks_so_far() -> None:
    image, _ = scene(2)
    found = explained(Finder(2), image, areas=[0.1, 0.3], steps=100_000, timeout_s=0.5)
    assert found.status == "partial" and "for area 0.3" in str(found.reason)
    assert set(found.arrays) == {"mask 0.1", "mask 0.3"} and tuple(values_of(found).shape) == (1, *SIZES[2])


def test_says_when_the_target_does_not_suffer() -> None:
    image, _ = scene(2)
    found = explained(Finder(2), image, 1, areas=[0.1], steps=2)
    assert any("no lower where all of the image is hidden" in text for text in found.warnings)


def test_what_cannot_be_is_refused() -> None:
    image, _ = scene(3)
    for areas, message in (([0.1, 0.1], "area 0.1 stands 2 times"), ([1.5], "less than 1"), ([], "at least 1")):
        with pytest.raises(te.errors.ConfigError, match=message):
            explained(Finder(3), image, areas=areas)


def test_equal_values_share_what_they_should_be() -> None:
    class Shown:
        step, pictures = 0, torch.full((1, 1, 5, 4), 0.5, requires_grad=True)

    value = Area(0.25, weight=20.0).value(Shown())  # type: ignore[arg-type]
    (slope,) = torch.autograd.grad(value.sum(), Shown.pictures)
    torch.testing.assert_close(slope, torch.full_like(slope, -2 * (0.5 - 0.25)))


@pytest.mark.parametrize(("spatial", "cell"), [((9, 11), 1), ((12, 7), 3), ((7, 8, 9), 1), ((10, 8, 9), 3)])
def test_slope_of_masks(spatial: tuple[int, ...], cell: int) -> None:
    image = torch.zeros(1, *spatial, dtype=torch.float64)
    canvas = SmoothMasks(cell).begin(Blank((1, *spatial), (("", 0), ("", 1)), image))
    (cells,) = canvas.parameters
    with torch.no_grad():
        cells.mul_(torch.rand(cells.shape, generator=torch.Generator().manual_seed(1)))

    def render(values: Tensor) -> Tensor:
        cells.data = values
        canvas.parameters[0] = values
        return canvas.render()

    assert torch.autograd.gradcheck(render, (cells.detach().clone().requires_grad_(),), fast_mode=True)


def test_masks_in_3d_are_near_those_of_the_exact_definition() -> None:
    """Interpolation between cells, against the smooth maximum at every voxel; on a block of cells."""
    cell, spatial = 3, (25, 25, 25)
    canvas = SmoothMasks(cell).begin(Blank((1, *spatial), (("", 0),), torch.zeros(1, *spatial)))
    (cells,) = canvas.parameters
    with torch.no_grad():
        start = cells.max().clone()
        cells.zero_()
        cells[:, 3:5, 3:6, 4:6] = start
        exact = SmoothMaximum(Grid(spatial, cell, 3.0 * cell), cells)(cells / start)[:, None]
        found = SmoothMasks(cell).grid(spatial).inner(canvas.render())
        exact = Grid(spatial, cell, 3.0 * cell).inner(exact)
    assert float((found - exact).abs().max()) < 0.12
    assert float(found.mean()) == pytest.approx(float(exact.mean()), rel=0.03)


def peak_of_a_volume(size: int) -> int:
    """Bytes that a process holds at most while a volume is explained with a U-Net of 1.4 million parameters."""
    torch.manual_seed(0)
    net, image = UNet(3, 1, 2, (16, 32, 64, 128)), torch.rand(1, size, size, size)
    found = explained(net, image, {"kind": "multiclass"}, areas=[0.1], steps=2, perturbation="blur", max_blur=4.0)
    assert found.status == "ok", found.reason
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.slow
def test_a_volume_of_96_fits_into_4_gigabytes() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(peak_of_a_volume, (96,)) < 4e9
