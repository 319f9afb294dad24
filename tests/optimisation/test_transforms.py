"""Changes of pictures against SciPy and NumPy, in 2D and in 3D."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from torchesegeta.draws import generator
from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.transforms import (
    Flip,
    Jitter,
    Pad,
    Roll,
    Rotate,
    Scale,
    Transform,
    fit,
    standard,
)

SPATIAL = [(8, 11), (5, 6, 9)]
DRAWS = 400


def pictures(spatial: Sequence[int], count: int = 2, channels: int = 3) -> Tensor:
    source = torch.Generator().manual_seed(len(spatial))
    return torch.rand(count, channels, *spatial, generator=source, dtype=torch.float64) + 1


def each(x: Tensor, change: Callable[[Any], Any]) -> Tensor:
    """A change of NumPy or SciPy made to every channel of every picture."""
    return torch.from_numpy(np.stack([[change(channel) for channel in one] for one in x.numpy()]))


def same(mine: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("spatial", SPATIAL)
@pytest.mark.parametrize(("mode", "value"), [("constant", 0.5), ("reflect", 0.0)])
def test_pad_is_numpys(spatial: tuple[int, ...], mode: Any, value: float) -> None:
    x, more = pictures(spatial), {"constant_values": value} if mode == "constant" else {}
    same(Pad(4, mode, value).apply(x, None), each(x, lambda c: np.pad(c, 4, mode=mode, **more)))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_pad_takes_a_constant_for_each_channel(spatial: tuple[int, ...]) -> None:
    x = pictures(spatial)
    padded = Pad(2, value=(1.0, -2.0, 7.0)).apply(x, None)
    expected = [
        np.stack([np.pad(c, 2, constant_values=v) for c, v in zip(one, (1, -2, 7), strict=True)]) for one in x.numpy()
    ]
    same(padded, torch.from_numpy(np.stack(expected)))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_jitter_is_scipys_shift(spatial: tuple[int, ...]) -> None:
    x, shift = pictures(spatial), (2, -3, 1)[: len(spatial)]
    same(Jitter(3).apply(x, shift), each(x, lambda c: ndimage.shift(c, shift, order=0, prefilter=False)))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_roll_is_numpys(spatial: tuple[int, ...]) -> None:
    x, shift = pictures(spatial), (2, -3, 14)[: len(spatial)]
    same(Roll(3).apply(x, shift), each(x, lambda c: np.roll(c, shift, range(c.ndim))))


@pytest.mark.parametrize("spatial", SPATIAL)
@pytest.mark.parametrize("factor", [1.1, 1.24, 2.0])
def test_scale_is_scipys_linear_interpolation(spatial: tuple[int, ...], factor: float) -> None:
    x = pictures(spatial)
    mine = Scale((factor,)).apply(x, factor)
    assert mine.shape[2:] == tuple(ceil(size * factor - 1e-9) for size in spatial)
    same(mine, scipys_resize(x, mine.shape[2:]))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_scaled_down_has_a_border(spatial: tuple[int, ...]) -> None:
    x = pictures(spatial)
    mine = Scale((0.6,)).apply(x, 0.6)
    small = scipys_resize(x, tuple(ceil(0.6 * size) for size in spatial))
    assert mine.shape == x.shape
    lacking = [size - less for size, less in zip(spatial, small.shape[2:], strict=True)]
    same(mine, each(small, lambda c: np.pad(c, [(lack // 2, lack - lack // 2) for lack in lacking])))


def scipys_resize(x: Tensor, after: Sequence[int]) -> Tensor:
    lines = [np.linspace(0, before - 1, size) for before, size in zip(x.shape[2:], after, strict=True)]
    places = np.stack(np.meshgrid(*lines, indexing="ij"))
    return each(x, lambda c: ndimage.map_coordinates(c, places, order=1, prefilter=False, mode="nearest"))


def test_a_size_that_is_whole_but_for_rounding_is_whole() -> None:
    assert ceil(1.1 * 50) == 56
    assert Scale((1.1,)).apply(pictures((50, 20)), 1.1).shape[2:] == (55, 22)


@pytest.mark.parametrize(
    ("spatial", "angles"), [((8, 11), (7.0,)), ((5, 6, 9), (0.0, -25.0, 0.0)), ((5, 6, 9), (10.0, -25.0, 40.0))]
)
def test_rotate_is_scipys_affine_transform(spatial: tuple[int, ...], angles: tuple[float, ...]) -> None:
    x, matrix, middle = pictures(spatial), np.eye(len(spatial)), (np.array(spatial) - 1) / 2
    planes = [(0, 1)] if len(spatial) == 2 else [(0, 1), (0, 2), (1, 2)]
    for (a, b), angle in zip(planes, np.deg2rad(angles), strict=True):
        turn = np.eye(len(spatial))
        turn[a, [a, b]], turn[b, [a, b]] = [np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]
        matrix = matrix @ turn
    offset = middle - matrix @ middle
    options: dict[str, Any] = {"order": 1, "prefilter": False, "mode": "grid-constant"}
    same(Rotate(angles).apply(x, angles), each(x, lambda c: ndimage.affine_transform(c, matrix, offset, **options)))


@pytest.mark.parametrize(("plane", "axes"), list(enumerate([(0, 1), (0, 2), (1, 2)])))
def test_a_quarter_turn_goes_counter_clockwise(plane: int, axes: tuple[int, int]) -> None:
    x, angles = pictures((6, 6, 6)), [0.0] * 3
    angles[plane] = 90.0
    same(Rotate((90.0,)).apply(x, angles), each(x, lambda c: np.rot90(c, axes=axes)))


def test_a_slice_may_be_one_voxel_thick() -> None:
    x = pictures((1, 7, 7))
    same(Rotate((90.0,)).apply(x, (0.0, 0.0, 90.0)), each(x, lambda c: np.rot90(c, axes=(1, 2))))
    assert Scale((1.1,)).apply(x, 1.1).shape[2:] == (2, 8, 8)
    assert all(Jitter(4).draw(generator("a", n), (1, 7, 7))[0] == 0 for n in range(20))


@pytest.mark.parametrize("spatial", SPATIAL)
def test_flip_is_numpys(spatial: tuple[int, ...]) -> None:
    x = pictures(spatial)
    same(Flip().apply(x, (0, 1)), each(x, lambda c: np.flip(c, (0, 1))))
    same(Flip().apply(x, ()), x)


ALL: list[Transform] = [
    Pad(2, value=0.5),
    Pad(2, value=(0.5, 1.0)),
    Pad(1, "reflect"),
    Jitter(2),
    Roll(2),
    Scale((0.7, 1.3)),
    Rotate((-20.0, 30.0)),
    Rotate((-20.0, 30.0), "all"),
    Flip(),
    Flip((1,), 1.0),
]


@pytest.mark.parametrize("transform", ALL, ids=str)
@pytest.mark.parametrize("spatial", [(4, 5), (3, 4, 3)])
def test_slopes_are_right(transform: Transform, spatial: tuple[int, ...]) -> None:
    x = pictures(spatial, channels=2).requires_grad_()
    drawn = transform.draw(generator("slopes", 1), spatial)
    assert torch.autograd.gradcheck(lambda p: transform.apply(p, drawn), x)


@pytest.mark.parametrize("transform", ALL, ids=str)
@pytest.mark.parametrize("spatial", SPATIAL)
def test_pictures_share_the_draw_and_nothing_else(transform: Transform, spatial: tuple[int, ...]) -> None:
    x = pictures(spatial, count=3, channels=2)
    together = transform(x, generator("draw", 0))
    for number in range(3):
        assert torch.equal(together[number], transform(x[number : number + 1], generator("draw", 0))[0])


@pytest.mark.parametrize("transform", ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_stay(transform: Transform, dtype: torch.dtype) -> None:
    assert transform(pictures((8, 9), channels=2).to(dtype), generator("draw", 0)).dtype == dtype


@pytest.mark.parametrize("transform", ALL, ids=str)
def test_transforms_are_values(transform: Transform) -> None:
    assert len({transform, type(transform)(**vars(transform))}) == 1


def draws(transform: Transform, spatial: Sequence[int]) -> list[Any]:
    return [transform.draw(generator("draws", number), spatial) for number in range(DRAWS)]


def test_draws_reach_all_of_their_range_and_nothing_beyond() -> None:
    shifts = draws(Jitter(3), (40, 4, 20))
    assert [{one[axis] for one in shifts} for axis in range(3)] == [{*range(-3, 4)}, {*range(-2, 3)}, {*range(-3, 4)}]
    assert {one[0] for one in draws(Jitter(8, share=1 / 16), (32, 32))} == {-2, -1, 0, 1, 2}
    assert {*draws(Scale((0.9, 1.0, 1.2)), (4, 4))} == {0.9, 1.0, 1.2}
    assert {*draws(Rotate((-5.0, 0.0, 7.0)), (4, 4))} == {(-5.0,), (0.0,), (7.0,)}
    one = draws(Rotate((-5.0, 7.0)), (4, 4, 4))
    assert {*one} == {tuple(a if p == q else 0.0 for p in range(3)) for q in range(3) for a in (-5.0, 7.0)}
    assert len({*draws(Rotate((-5.0, 7.0), "all"), (4, 4, 4))}) == 8


def test_axes_are_flipped_as_often_as_asked() -> None:
    flipped = draws(Flip(probability=0.25), (4, 4, 4))
    assert all(sum(axis in one for one in flipped) / DRAWS == pytest.approx(0.25, abs=0.07) for axis in range(3))
    assert {*draws(Flip((2,), 1.0), (4, 4, 4))} == {(2,)}
    assert {*draws(Flip(probability=0.0), (4, 4))} == {()}


@pytest.mark.parametrize("spatial", [(128, 200), (32, 32, 32), (7, 9), (3, 4, 5)])
def test_the_standard_set_leaves_most_of_the_picture(spatial: tuple[int, ...]) -> None:
    x, source = torch.ones(1, 1, *spatial).requires_grad_(), generator("standard", 0)
    widest = min(12, spatial[0] // 8)
    shown = standard()[0](x, source)
    assert shown.shape[2] == spatial[0] + 2 * widest
    for transform in standard()[1:]:
        shown = transform(shown, source)
    shown = fit(shown, spatial)
    assert shown.shape == x.shape
    assert float(shown.detach().mean()) > 0.8
    (slope,) = torch.autograd.grad(shown.sum(), x)
    assert float((slope > 0).float().mean()) > 0.6


def test_grey_is_in_the_pictures_units() -> None:
    first = standard(grey=(100.0, -3.0))[0]
    padded = first(torch.zeros(1, 2, 16, 16), generator("grey", 0))
    assert padded[0, :, 0, 0].tolist() == [100.0, -3.0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Pad(-1), "width is -1"),
        (lambda: Pad(1, "edge"), "mode is 'edge'; allowed: 'constant', 'reflect'"),  # type: ignore[arg-type]
        (lambda: Jitter(-2), "distance is -2"),
        (lambda: Jitter(2, share=1.5), "share is 1.5"),
        (lambda: Scale(()), "factors"),
        (lambda: Scale((1.0, 0.0)), "factors"),
        (lambda: Rotate(()), "degrees"),
        (lambda: Rotate((1.0,), "some"), "planes is 'some'; allowed: 'one', 'all'"),  # type: ignore[arg-type]
        (lambda: Flip(probability=1.2), "probability is 1.2"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], Transform], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize(
    ("transform", "says"),
    [
        (Pad(8, "reflect"), "cannot be mirrored of \\[8, 11\\] voxels"),
        (Pad(1, value=(0.0, 1.0)), "2 numbers; the picture has 3 channels"),
        (Flip((2,)), "axis 2 does not exist; allowed: 0 to 1"),
    ],
)
def test_what_does_not_fit_the_picture_is_refused(transform: Transform, says: str) -> None:
    with pytest.raises(IncompatibleError, match=says):
        transform(pictures((8, 11)), generator("draw", 0))
