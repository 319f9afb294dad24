"""Parameterisations: pictures of any size and number of channels, back from where they came, each for itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.parameterisations import (
    Blank,
    Coloured,
    Cppn,
    Fourier,
    Parameterisation,
    Pixels,
    Pyramid,
    Shared,
)
from torchesegeta.optimisation.parameterisations.cppn import coordinates

SHAPES = [(1, 8, 10), (3, 9, 7), (2, 8, 5), (1, 6, 4, 8), (3, 5, 7, 9), (2, 4, 5, 6)]
PLAIN: list[Parameterisation] = [Pixels(), Fourier(), Fourier(decay=0.5), Pyramid(), Shared(), Shared(Pixels(), (3,))]
ALL = [*PLAIN, Cppn(hidden=5, depth=3)]
COLOURED: list[Parameterisation] = [
    Coloured(Pixels()),
    Coloured(Fourier(), "none", (-2.0, 3.0), "background"),
    Coloured(Fourier(), "image", "none", "middle"),
    Coloured(Pyramid(), "image", "none", "background"),
]


def image_of(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(4), dtype=dtype)


def blank_of(shape: tuple[int, ...], names: str = "aab", given: Tensor | None = None) -> Blank:
    """Pictures of the problems that the letters name."""
    numbered = tuple((key, names[:i].count(key)) for i, key in enumerate(names))
    return Blank(shape, numbered, image_of(shape), given)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [*PLAIN, *COLOURED], ids=repr)
def test_given_pictures_come_back(kind: Parameterisation, shape: tuple[int, ...]) -> None:
    source = torch.Generator().manual_seed(7)
    pictures = 0.01 + 0.98 * torch.rand(3, *shape, generator=source, dtype=torch.float64)
    low, high = image_of(shape).flatten(1).aminmax(dim=1)
    inside = pictures.clamp(*(bound.view(-1, *(1,) * (len(shape) - 1)) for bound in (low + 1e-3, high - 1e-3)))
    canvas = kind.begin(blank_of(shape, given=inside))
    torch.testing.assert_close(canvas.render(), inside, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    spatial=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    channels=st.integers(1, 4),
    decay=st.floats(0, 2),
    seed=st.integers(0, 1000),
)
def test_spectra_lose_nothing(spatial: list[int], channels: int, decay: float, seed: int) -> None:
    shape = (channels, *spatial)
    pictures = torch.randn(1, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    canvas = Fourier(decay=decay).begin(Blank(shape, (("a", 0),), pictures[0], pictures))
    torch.testing.assert_close(canvas.render(), pictures, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [*ALL, *(Coloured(under) for under in ALL)], ids=repr)
def test_pictures_have_the_asked_shape_and_depend_on_every_parameter(
    kind: Parameterisation, shape: tuple[int, ...]
) -> None:
    canvas = kind.begin(blank_of(shape))
    pictures = canvas.render()
    assert pictures.shape == (3, *shape) and pictures.dtype == torch.float64
    for gradient in torch.autograd.grad(pictures.square().sum(), canvas.parameters, allow_unused=True):
        assert gradient is not None and bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("kind", [Fourier(), Pyramid(), Cppn(5, 3), Coloured(Fourier()), Shared()], ids=repr)
def test_half_precision_is_kept_in_single(kind: Parameterisation) -> None:
    blank = replace(blank_of((2, 6, 7)), image=image_of((2, 6, 7), torch.bfloat16))
    canvas = kind.begin(blank)
    assert canvas.render().dtype == torch.bfloat16
    assert {parameter.dtype for parameter in canvas.parameters} == {torch.float32}


@pytest.mark.parametrize("kind", ALL, ids=repr)
def test_a_picture_does_not_depend_on_its_neighbours(kind: Parameterisation) -> None:
    """Nor does what a step makes of it, unless it shares with its problem's others on purpose."""
    shape, wanted = (2, 5, 6), image_of((2, 5, 6)).flip(0)
    found = []
    for names in ("aab", "aa", "caaab"):
        canvas = kind.begin(blank_of(shape, names))
        optimiser = torch.optim.Adam(canvas.parameters, lr=0.1)
        for _ in range(3):
            optimiser.zero_grad()
            loss = (canvas.render()[names.index("a") :][:2] - wanted).square().sum()
            torch.autograd.backward([loss])
            optimiser.step()
        found.append(canvas.render().detach()[names.index("a") :][:2])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [Pixels(), Fourier(), Pyramid(), Shared()], ids=repr)
def test_draws_are_those_of_the_name(kind: Parameterisation) -> None:
    shape = (2, 5, 6)
    one, two, three = kind.begin(blank_of(shape)).render()
    (again,) = kind.begin(replace(blank_of(shape), names=(("a", 1),))).render()
    assert torch.equal(two, again)
    assert not torch.equal(one, two) and not torch.equal(two, three)


def test_a_spectrum_starts_as_published() -> None:
    """Real and imaginary parts of standard deviation 0.01, however many dimensions."""
    for shape in [(3, 40, 41), (2, 14, 15, 16)]:
        parameters = Fourier().begin(blank_of(shape)).parameters[0]
        assert parameters.shape[-2:] == (shape[-1] // 2 + 1, 2)
        assert float(parameters.detach().std()) == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("spatial", [(64, 64), (32, 32, 32)])
def test_octaves_weigh_the_same(spatial: tuple[int, ...]) -> None:
    weights = Fourier().weights(spatial)
    axes = [torch.fft.fftfreq(n, dtype=torch.float64) for n in spatial[:-1]]
    axes.append(torch.fft.rfftfreq(spatial[-1], dtype=torch.float64))
    frequency = torch.stack(torch.meshgrid(*axes, indexing="ij")).square().sum(0).sqrt()
    octaves = [(frequency >= f) & (frequency < 2 * f) for f in (1 / 16, 1 / 8, 1 / 4)]
    energies = torch.stack([weights[octave].square().sum() for octave in octaves])
    assert float(energies.max() / energies.min()) < 1.3


def test_problems_share_and_others_do_not() -> None:
    kind = Shared(Fourier(deviation=0.0), factors=(2, 4), deviation=1.0)
    one, two, other = kind.begin(blank_of((2, 8, 9, 10))).render()
    assert torch.equal(one, two) and not torch.allclose(one, other)


def test_a_cppn_is_a_function_of_places() -> None:
    torch.testing.assert_close(coordinates((5, 9)).amax(0), torch.tensor([3**0.5 / 2, 3**0.5]))
    torch.testing.assert_close(coordinates((5, 9, 3)).flip(0), -coordinates((5, 9, 3)))
    canvas = Cppn(4, 2).begin(blank_of((3, 6, 7)))
    assert not canvas.render().any()
    canvas.parameters[-1].detach().normal_(generator=torch.Generator().manual_seed(1))
    shown, rows = canvas.render(), coordinates((6, 7)).double()
    for place in (0, 17, 41):
        values = rows[place]
        for layer in canvas.parameters[:-1]:
            bent = torch.atan(values @ layer[1, :-1] + layer[1, -1])
            values = torch.cat([bent / 0.67, bent**2 / 0.6])
        expected = values @ canvas.parameters[-1][1, :-1] + canvas.parameters[-1][1, -1]
        torch.testing.assert_close(shown[1].flatten(1)[:, place], expected)


def test_a_cppn_has_no_way_back() -> None:
    with pytest.raises(IncompatibleError, match="a CPPN cannot start from an image"):
        Cppn().begin(blank_of((1, 4, 5), given=torch.zeros(3, 1, 4, 5)))


def test_levels_of_a_pyramid() -> None:
    assert Pyramid(9).sizes((9, 5)) == [(9, 5), (5, 3), (3, 2), (2, 1)]
    assert Pyramid(2).sizes((9, 5, 4)) == [(9, 5, 4), (5, 3, 2)]
    assert Pyramid(3).sizes((1, 1)) == [(1, 1)]
