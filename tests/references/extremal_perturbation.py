"""Smooth masks of given areas that keep, or cost, the score (Fong, Patrick & Vedaldi 2019), the largest area first."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    areas: Sequence[float],
    steps: int,
    layer: nn.Module | None = None,
    variant: str = "preserve",
    perturbation: str = "blur",
    levels: int = 8,
    max_blur: float = 20.0,
    border: str = "repeat",
    baseline: Tensor | None = None,
    score_range: tuple[float, float] | None = (10.0, 100.0),
    area_growth: float | None = None,
    cell: int = 1,
    sigma: float = 3.0,
    nested: bool = True,
) -> Tensor:
    """The mean of the masks; in 3D each is taken at the cells and interpolated.

    Nested ones but the first take a quarter of the steps, from the cells that the mask before them may be made of.
    """
    if perturbation == "fade":
        assert baseline is not None
        seen = [baseline[None], image]
    else:
        seen = [blurred(image, max_blur * (1 - n / (levels - 1)), border) for n in range(levels)]
    with torch.no_grad():
        change = float(score(image) - score(seen[0]))
    unit = 1.0 if score_range is None else min(max(abs(change), score_range[0]), score_range[1]) / abs(change)
    masks: list[Tensor] = []
    render, inner, cells, rate, cells_of = drawing(tuple(image.shape[2:]), cell, sigma)
    for area in sorted(areas, reverse=True):
        fine = max(1, round(steps / 4)) if nested and masks else steps
        growth = area_growth or 16 ** (1 / fine)
        with torch.no_grad():
            cells.copy_(cells_of(render()) if nested and masks else torch.ones(()))
        optimiser = torch.optim.SGD([cells], lr=rate, momentum=0.9, dampening=0.9)
        for step in range(fine):
            whole = render()
            mask, share = whole[inner], area * image[0, 0].numel() / whole.numel()
            reward = torch.zeros(())
            if variant != "delete":
                reward = reward + score(through(mask, seen))
            if variant != "preserve":
                reward = reward - score(through(1 - mask, seen))
            cells.grad = torch.autograd.grad(300 * growth**step * missed(whole, share) - unit * reward, cells)[0]
            optimiser.step()
            with torch.no_grad():
                cells.clamp_(0, 1)
        masks.append(render().detach()[inner])
    return torch.stack(masks).mean(0)[None]


def blurred(image: Tensor, deviation: float, border: str) -> Tensor:
    """A Gaussian over the spatial axes, cut off at four deviations."""
    if deviation == 0:
        return image
    spread = [0, 0, *[deviation] * (image.ndim - 2)]
    mode = {"repeat": "nearest", "zero": "constant"}[border]
    found = gaussian_filter(image.double().numpy(), spread, mode=mode, radius=[math.ceil(4 * s) for s in spread])
    return torch.from_numpy(found).to(image)


def through(mask: Tensor, seen: Sequence[Tensor]) -> Tensor:
    """Every level as far as the mask is near to it."""
    place = mask * (len(seen) - 1)
    return torch.stack([(1 - (place - n).abs()).clamp(min=0) * level for n, level in enumerate(seen)]).sum(0)


def missed(mask: Tensor, area: float) -> Tensor:
    """Mean square from the sorted template, in which equal values share what they should be."""
    values = mask.flatten().sort().values
    edge = int(len(values) * (1 - area))
    wanted = (torch.arange(len(values)) >= edge).float()
    equal = (values - values[edge]).abs() < 1e-5
    wanted[equal] = wanted[equal].mean()
    return (values - wanted).square().mean()


Drawing = tuple[Callable[[], Tensor], tuple[slice, ...], Tensor, float, Callable[[Tensor], Tensor]]


def drawing(spatial: tuple[int, ...], cell: int, sigma: float) -> Drawing:
    """A function that makes the mask, its part over the image, its cells, the rate at which they move; and back.

    In 3D the voxels of a mask are first the cells themselves, one apart.
    """
    flat = len(spatial) == 2
    counts = [math.ceil(n / cell) if flat else math.ceil((n - 1) / cell) + 1 for n in spatial]
    apart, radius = (cell, sigma) if flat else (1, sigma / cell)
    before, reach = math.ceil(radius), 1 + math.ceil(radius / apart)
    around = 1 + math.ceil((before + radius) / apart) - reach
    lengths = [apart * (n + 2 * around) - apart + 1 for n in counts]
    voxels = list(itertools.product(*(range(-before, length - before) for length in lengths)))
    places = list(itertools.product(*(range(n) for n in counts)))
    cells = torch.ones(len(places), requires_grad=True)
    kernel, near = kernels(voxels, places, apart, radius, before - apart * around)

    def render() -> Tensor:
        terms = kernel * cells
        weights = torch.exp(20 * terms) * near
        beyond = (2 * reach + 1) ** len(spatial) - near.sum(1)
        pooled: Tensor = ((terms * weights).sum(1) / (weights.sum(1) + beyond)).view(lengths)
        if flat:
            return pooled
        sizes = [cell * (n - 1) + 1 for n in lengths]
        return interpolate(pooled[None, None], sizes, mode="trilinear", align_corners=True)[0, 0]

    def cells_of(mask: Tensor) -> Tensor:
        """The highest numbers that a mask allows where the kernel is not small."""
        at_voxels = mask if flat else mask[::cell, ::cell, ::cell]
        allowed = at_voxels.reshape(-1, 1) / kernel
        return allowed.masked_fill((kernel < 0.5) | (near == 0), 1.0).amin(0).clamp(max=1)

    first = before if flat else cell * before
    inner = tuple(slice(first, first + n) for n in spatial)
    return render, inner, cells, 0.01 if flat else 0.01 * len(places) / 32**2, cells_of


def kernels(
    voxels: Sequence[tuple[int, ...]], places: Sequence[tuple[int, ...]], cell: int, sigma: float, shift: int
) -> tuple[Tensor, Tensor]:
    """The kernel of each voxel's distance to each cell, and whether the cell is one of its neighbours."""
    at, lies = torch.tensor(voxels), cell * torch.tensor(places)
    own, reach = (at + shift) // cell, 1 + math.ceil(sigma / cell)
    near = ((lies // cell - own[:, None]).abs() <= reach).all(2)
    apart = torch.cdist(at.double(), lies.double())
    return torch.exp(-2 * (apart / sigma - 0.5).clamp(min=0).square()).float(), near.float()
