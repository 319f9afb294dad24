"""Colours and ranges of pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.parameterisations import Blank, Coloured, Pixels, colour_matrix

ZERO = Pixels(deviation=0.0)


def scan(channels: int, spatial: tuple[int, ...] = (8, 9, 10)) -> Tensor:
    """Channels that vary together, black at the border."""
    source = torch.Generator().manual_seed(channels)
    common, own = torch.rand(1, *spatial, generator=source), torch.rand(channels, *spatial, generator=source)
    scale = torch.arange(1, channels + 1).view(-1, *(1,) * len(spatial))
    image = scale * (100 * common + 20 * own + 50)
    inner = torch.zeros(spatial)
    inner[tuple(slice(2, -2) for _ in spatial)] = 1
    return (image * inner).double()


def begin(kind: Coloured, image: Tensor, given: Tensor | None = None) -> Tensor:
    shape = tuple(image.shape)
    names = (("a", 0),) if given is None else tuple(("a", i) for i in range(len(given)))
    return kind.begin(Blank(shape, names, image, given)).render().detach()


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_mixtures_are_uncorrelated(channels: int) -> None:
    image = scan(channels)
    matrix = colour_matrix([image])
    mixtures = torch.linalg.solve(matrix, image.flatten(1))
    correlation = torch.corrcoef(mixtures)
    torch.testing.assert_close(correlation, torch.eye(channels).double(), rtol=0, atol=1e-6)
    assert float(matrix.norm(dim=0).max()) == pytest.approx(1) and float(matrix.norm(dim=0).min()) >= 0.1 - 1e-9


def test_matrix_is_the_root_of_the_covariance() -> None:
    image = torch.randn(3, 20, 21, generator=torch.Generator().manual_seed(0)).double()
    matrix, covariance = colour_matrix([image]), torch.cov(image.flatten(1))
    torch.testing.assert_close(matrix @ matrix.T, covariance / torch.linalg.eigvalsh(covariance)[-1])
    torch.testing.assert_close(colour_matrix([image[:, :7], image[:, 7:]]), matrix)


def test_one_channel_and_constant_ones_are_left_alone() -> None:
    assert torch.equal(colour_matrix([scan(1)]), torch.eye(1).double())
    assert torch.equal(colour_matrix([torch.ones(3, 4, 5)]), torch.eye(3).double())


def test_grey_pictures_can_be_coloured() -> None:
    """What never occurs in the image is harder to reach, not out of reach."""
    lengths = colour_matrix([torch.rand(1, 8, 9).expand(3, 8, 9)]).norm(dim=0)
    torch.testing.assert_close(lengths, torch.tensor([1, 0.1, 0.1]).double())


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_stay_within_the_range_of_each_channel(channels: int) -> None:
    image = scan(channels)
    picture = begin(Coloured(Pixels(deviation=30.0)), image)[0]
    for mine, theirs in zip(picture, image, strict=True):
        assert float(theirs.min()) <= float(mine.min()) < float(mine.max()) <= float(theirs.max())
    wide = begin(Coloured(Pixels(deviation=30.0), limits=(-7.0, 9.0)), image)
    assert -7 <= float(wide.min()) < -6 and 8 < float(wide.max()) <= 9


@pytest.mark.parametrize("limits", ["image", "none", (-200.0, 2000.0)])
def test_where_pictures_start(limits: str | tuple[float, float]) -> None:
    image = scan(2)
    flat = image.flatten(1)
    middle = (flat.amin(1) + flat.amax(1)) / 2 if isinstance(limits, str) else torch.tensor([900.0, 900.0])
    wanted = {"mean": flat.mean(1), "middle": middle.double(), "background": flat.amin(1)}
    if limits == "image":
        wanted["background"] = 0.05 * flat.amax(1)
    for start, values in wanted.items():
        picture = begin(Coloured(ZERO, limits=limits, start=start), image)[0]  # type: ignore[arg-type]
        expected = values.view(-1, 1, 1, 1).expand_as(image)
        torch.testing.assert_close(picture, expected, rtol=1e-6, atol=1e-6)


def test_what_lies_outside_the_range_is_moved_inside() -> None:
    image = scan(3)
    given = torch.stack([image - 50, image, 3 * image])
    low, high = image.flatten(1).aminmax(dim=1)
    back, span = begin(Coloured(Pixels()), image, given), (high - low).view(-1, 1, 1, 1)
    within = given.clamp(low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1))
    assert float(((back - within) / span).abs().max()) < 1.1e-4


def test_slope_without_limits_is_that_at_the_middle() -> None:
    image = scan(2)
    slopes: list[Tensor] = []
    for kind in (Coloured(ZERO, "none", "image", "middle"), Coloured(ZERO, "none", "none", "middle")):
        canvas = kind.begin(Blank(tuple(image.shape), (("a", 0),), image))
        slopes += torch.autograd.grad(canvas.render().sum(), canvas.parameters)
    torch.testing.assert_close(slopes[0], slopes[1])


def test_matrices_can_be_given() -> None:
    image = scan(2)
    matrix = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    kind = Coloured(Pixels(deviation=1.0), ArrayValue(matrix))
    other = Coloured(Pixels(deviation=1.0), "none")
    assert hash(kind) == hash(Coloured(Pixels(deviation=1.0), ArrayValue(matrix.clone())))
    assert not torch.allclose(begin(kind, image), begin(other, image))


@pytest.mark.parametrize(
    ("kind", "image", "words"),
    [
        (Coloured(ZERO, "imagenet"), scan(2), r"a matrix \(3, 3\) does not fit the image's channels: 2"),
        (Coloured(ZERO, "imagenet"), torch.zeros(2, 4, 4), "channel 0 of the image is 0 everywhere"),
        (Coloured(ZERO, ArrayValue(torch.ones(2, 2))), scan(2), "the matrix has no inverse"),
    ],
)
def test_what_does_not_fit_is_refused(kind: Coloured, image: Tensor, words: str) -> None:
    with pytest.raises(IncompatibleError, match=words):
        begin(kind, image)
