"""Objectives against plain NumPy: in 2D, in 3D and for units without places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.objectives import (
    Alignment,
    AlphaNorm,
    Channel,
    Cosine,
    Direction,
    Diversity,
    Energy,
    Interpolate,
    Match,
    Neuron,
    Objective,
    TotalVariation,
    Weighted,
    Window,
)
from torchesegeta.optimisation.objectives.direction import LEAST_COSINE

CHANNELS = 4
PLACES: list[tuple[int, ...]] = [(), (5, 6), (3, 4, 5)]
VECTOR = (0.5, -1.0, 2.0, 0.25)
A = Any
"""An array of NumPy."""


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


@dataclass(frozen=True)
class Shown:
    """What an objective sees of pictures; see `Seen`."""

    pictures: Tensor
    activations: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0

    def layer(self, name: str) -> Tensor:
        return self.activations[name]

    def score(self) -> Tensor:
        raise AssertionError("no score is read")

    def rival(self) -> Tensor:
        raise AssertionError("no score is read")


def shown(places: tuple[int, ...], count: int = 3) -> Shown:
    layers = {"a": drawn(count, CHANNELS, *places), "b": drawn(count, CHANNELS + 1, *places)}
    return Shown(drawn(count, 2, *(places or (5, 6))), layers)


def only(seen: Shown, number: int) -> Shown:
    rows = slice(number, number + 1)
    return Shown(seen.pictures[rows], {name: values[rows] for name, values in seen.activations.items()})


def cosines(a: A) -> A:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(VECTOR)
    return np.tensordot(a, np.array(VECTOR), (1, 0)) / lengths


def directed(a: A, power: float) -> A:
    return np.tensordot(a, np.array(VECTOR), (1, 0)) * np.maximum(cosines(a), LEAST_COSINE) ** power


def means(a: A) -> A:
    return np.array([one.mean() for one in a])


def middle(a: A) -> A:
    return a[(slice(None), *(size // 2 for size in a.shape[1:]))]


def spread(a: A) -> A:
    """Weights as an array that goes with (m, channels, …)."""
    return np.array(VECTOR).reshape(1, -1, *(1,) * (a.ndim - 2))


def variation(x: A, beta: float) -> A:
    result = []
    for one in x:
        total = 0.0
        for place in product(*map(range, one.shape)):
            square = 0.0
            for axis in range(1, one.ndim):
                after = list(place)
                after[axis] += 1
                if after[axis] < one.shape[axis]:
                    square += (one[tuple(after)] - one[place]) ** 2
            total += square ** (beta / 2)
        result.append(-total / one.size)
    return np.array(result)


SINGLE: list[tuple[Objective, Callable[[A, A, A], A]]] = [
    (Channel("a", 2), lambda x, a, b: means(a[:, 2])),
    (Neuron("a", 1), lambda x, a, b: middle(a[:, 1])),
    (Direction("a", VECTOR), lambda x, a, b: means(directed(a, 0))),
    (Direction("a", VECTOR, cosine_power=2), lambda x, a, b: means(directed(a, 2))),
    (Direction("a", torch.tensor(VECTOR), cosine_power=1.5), lambda x, a, b: means(directed(a, 1.5))),
    (Cosine("a", VECTOR), lambda x, a, b: means(cosines(a))),
    (Energy("b"), lambda x, a, b: means(b**2)),
    (Weighted("a", VECTOR), lambda x, a, b: means(a * spread(a))),
    (AlphaNorm(2), lambda x, a, b: -means(x**2)),
    (AlphaNorm(6), lambda x, a, b: -means(x**6)),
    (TotalVariation(), lambda x, a, b: variation(x, 2)),
    (TotalVariation(1.5), lambda x, a, b: variation(x, 1.5)),
    (2 * Channel("a", 0) - Energy("b") * AlphaNorm(2), lambda x, a, b: 2 * means(a[:, 0]) + means(b**2) * means(x**2)),
]  # fmt: skip


def arrays(seen: Shown) -> tuple[A, A, A]:
    return seen.pictures.numpy(), seen.layer("a").numpy(), seen.layer("b").numpy()


def same(mine: Tensor, theirs: A) -> None:
    torch.testing.assert_close(mine, torch.as_tensor(theirs, dtype=torch.float64), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("objective", "plain"), SINGLE, ids=[str(objective) for objective, _ in SINGLE])
@pytest.mark.parametrize("places", PLACES, ids=str)
def test_values_are_those_of_the_definition(
    objective: Objective, plain: Callable[[A, A, A], A], places: tuple[int, ...]
) -> None:
    seen = shown(places)
    values = objective.value(seen)
    assert values.shape == (3,)
    same(values, plain(*arrays(seen)))
    for number in range(3):
        same(objective.value(only(seen, number)), values[number : number + 1])


def styles(a: A) -> A:
    """Gram matrices of length 1, one for each picture."""
    grams = []
    for one in a.reshape(len(a), a.shape[1], -1):
        gram = np.sum([np.outer(one[:, place], one[:, place]) for place in range(one.shape[1])], axis=0)
        grams.append(gram / np.sqrt((gram**2).sum()))
    return grams


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_diversity_is_the_mean_cosine_of_gram_matrices(places: tuple[int, ...]) -> None:
    seen = shown(places, count=4)
    grams = styles(seen.layer("a").numpy())
    expected = [
        -np.mean([(grams[i] * grams[j]).sum() for j in range(4) if j != i]) for i in range(4)
    ]  # fmt: skip
    same(Diversity("a").value(seen), np.array(expected))


def test_diversity_tells_textures_apart_and_nothing_else() -> None:
    one = drawn(1, CHANNELS, 5, 6)
    shuffled = one.flatten(2)[:, :, torch.randperm(30, generator=torch.Generator().manual_seed(0))].view_as(one)
    like = Shown(drawn(2, 2, 5, 6), {"a": torch.cat([one, 3 * shuffled])})
    same(Diversity("a").value(like), [-1.0, -1.0])
    silent = Shown(drawn(2, 2, 5, 6), {"a": torch.cat([one, 0 * one])})
    same(Diversity("a").value(silent), [0.0, 0.0])


@pytest.mark.parametrize("places", PLACES, ids=str)
@pytest.mark.parametrize("reach", [1, 4])
def test_alignment_adds_up_over_pairs(places: tuple[int, ...], reach: int) -> None:
    seen = shown(places, count=6)
    a, expected = seen.layer("a").numpy(), np.zeros(6)
    for i, j in product(range(6), repeat=2):
        if 1 <= j - i <= reach:
            expected[[i, j]] -= ((a[i] - a[j]) ** 2).mean() / 3.0 ** (j - i) / 2
    same(Alignment("a", 3.0, reach).value(seen), expected)


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_interpolation_leads_from_one_to_the_other(places: tuple[int, ...]) -> None:
    seen = shown(places)
    one, other = Channel("a", 1), Neuron("b", 2)
    blend = Interpolate(one, other)
    assert blend.layers == ("a", "b")
    first, last = one.value(seen), other.value(seen)
    same(blend.value(seen), [first[0], (first[1] + last[1]) / 2, last[2]])
    same(blend.value(only(seen, 0)), first[:1])


@pytest.mark.parametrize("places", PLACES, ids=str)
def test_match_is_nought_at_the_given_activation(places: tuple[int, ...]) -> None:
    seen, wanted = shown(places), drawn(CHANNELS, *places)
    a, w = seen.layer("a").numpy(), wanted.numpy()
    expected = [-((one - w) ** 2).sum() / (w**2).sum() for one in a]
    same(Match("a", wanted).value(seen), expected)
    there = Shown(seen.pictures[:2], {"a": torch.stack([wanted, 0 * wanted])})
    same(Match("a", wanted).value(there), [0.0, -1.0])


@pytest.mark.parametrize(("places", "place"), [((5, 6), (4, 0)), ((3, 4, 5), (0, 3, 1))])
def test_a_place_is_an_index_along_each_axis(places: tuple[int, ...], place: tuple[int, ...]) -> None:
    seen = shown(places)
    a = seen.layer("a").numpy()
    here: Any = (slice(None), *place)
    same(Neuron("a", 1, place).value(seen), a[:, 1][here])
    same(Direction("a", VECTOR, place, 2.0).value(seen), directed(a, 2)[here])
    same(Cosine("a", VECTOR, place).value(seen), cosines(a)[here])


def test_the_centre_is_the_true_one() -> None:
    activation = torch.zeros(1, 1, 6, 9, 4)
    activation[0, 0, 3, 4, 2] = 1
    assert Neuron("a", 0).value(Shown(activation, {"a": activation})).tolist() == [1.0]


@pytest.mark.parametrize(("places", "start", "size"), [((5, 6), (1, 2), (3, 4)), ((3, 4, 5), (0, 1, 2), (2, 3, 1))])
def test_a_window_lies_where_it_says(places: tuple[int, ...], start: tuple[int, ...], size: tuple[int, ...]) -> None:
    seen = shown(places)
    a = seen.layer("a").numpy()
    box = tuple(slice(first, first + many) for first, many in zip(start, size, strict=True))
    same(
        Weighted("a", VECTOR, Window(start, size)).value(seen), means((a * spread(a))[(slice(None), slice(None), *box)])
    )


SLOPES: list[Objective] = [
    *(objective for objective, _ in SINGLE), Diversity("a"), Alignment("b"), Interpolate(Channel("a", 1), Energy("b")),
]  # fmt: skip


@pytest.mark.parametrize("objective", SLOPES, ids=str)
@pytest.mark.parametrize("places", [(), (2, 3), (2, 1, 3)], ids=str)
def test_slopes_are_right(objective: Objective, places: tuple[int, ...]) -> None:
    seen = shown(places)
    read = [seen.pictures, *seen.activations.values()]

    def value(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return objective.value(Shown(x, {"a": a, "b": b}))

    assert torch.autograd.gradcheck(value, [tensor.requires_grad_() for tensor in read])


@pytest.mark.parametrize("objective", [*SLOPES, Match("a", drawn(CHANNELS, 5, 6).float())], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtypes_stay(objective: Objective, dtype: torch.dtype) -> None:
    seen = shown((5, 6))
    layers = {name: values.to(dtype) for name, values in seen.activations.items()}
    assert objective.value(Shown(seen.pictures.to(dtype), layers)).dtype == dtype


@pytest.mark.parametrize(
    ("objective", "says"),
    [
        (Neuron("a", 4), "layer 'a' has 4 channels, 0 to 3; channel 4 is none"),
        (Neuron("a", 0, (5, 0)), r"layer 'a' has no place \(5, 0\); its last is \(4, 5\)"),
        (Neuron("a", 0, (-1, 0)), "no place"),
        (Neuron("a", 0, (1, 2, 3)), r"place \(1, 2, 3\) has 3 axes; those of layer 'a' have 2"),
        (Direction("a", VECTOR, (5, 0)), "no place"),
        (Direction("b", VECTOR), r"layer 'b' has 5 channels; the direction has shape \(4,\)"),
        (Cosine("b", VECTOR), "5 channels"),
        (Weighted("b", VECTOR), "list of weights has shape"),
        (Weighted("a", VECTOR, Window((3, 0), (3, 1))), r"from \(3, 0\), \(3, 1\) wide, is not in 'a', \(5, 6\) wide"),
        (Weighted("a", VECTOR, Window((0,), (1,))), "is not in 'a'"),
        (Weighted("a", VECTOR, Window((0, 0), (0, 1))), "is not in 'a'"),
    ],
    ids=str,
)
def test_what_a_layer_does_not_have_is_refused(objective: Objective, says: str) -> None:
    with pytest.raises(IncompatibleError, match=says):
        objective.value(shown((5, 6)))


@pytest.mark.parametrize("objective", [Diversity("a"), Alignment("a")], ids=str)
def test_a_picture_alone_is_not_compared(objective: Objective) -> None:
    with pytest.raises(IncompatibleError, match="compares the pictures of one problem; there is only one"):
        objective.value(shown((5, 6), count=1))


def test_a_place_of_units_without_places_is_refused() -> None:
    with pytest.raises(IncompatibleError, match="place"):
        Direction("a", VECTOR, (0,)).value(shown(()))
