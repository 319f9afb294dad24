"""Pictures under way that are changed at random, and that are compared with each other."""

from __future__ import annotations

import pytest
import torch

from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Channel, Diversity
from torchesegeta.optimisation.transforms import Flip, Roll, Transform, standard
from torchesegeta.sweeps import Missed, Optimise, Problem, Result

from .counting import LAYERS, CountingNet, session_of
from .test_optimise import pictures, solve

ADAM = Optimiser("adam", 0.1)
SETS: list[tuple[Transform, ...]] = [(), standard(), (Roll(3), Flip())]


@pytest.mark.parametrize("transforms", SETS, ids=len)
def test_pictures_depend_on_those_of_their_problem_only(transforms: tuple[Transform, ...]) -> None:
    objective = Channel(LAYERS[1], 0) + Diversity(LAYERS[1])
    problems = [Problem(str(number), objective, pictures=2) for number in range(3)]
    sweep = Optimise(4, optimiser=ADAM, transforms=transforms)
    found = []
    for chunk_size in (2, 6):
        with session_of(CountingNet(), chunk_size=chunk_size) as session:
            found.append(pictures(solve(session, sweep, *problems)))
    with session_of(CountingNet()) as session:
        found.append([pictures(solve(session, sweep, problem))[0] for problem in problems])
    for others in found[1:]:
        for mine, theirs in zip(found[0], others, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_rewarded_pictures_differ_more() -> None:
    reached = {}
    for weight in (0.0, 20.0):
        objective = Channel(LAYERS[1], 0) + weight * Diversity(LAYERS[1])
        with session_of(CountingNet()) as session:
            (result,) = solve(session, Optimise(30, optimiser=ADAM), Problem("a", objective, pictures=2))
            assert isinstance(result, Result)
            alike = Problem("b", Diversity(LAYERS[1]), pictures=2, start=result.pictures)
            (seen,) = solve(session, Optimise(1, optimiser=Optimiser("sgd", 1e-9)), alike)
        assert isinstance(seen, Result)
        reached[weight] = float(seen.before.mean())
    assert reached[20.0] > reached[0.0] + 0.1


def test_one_picture_has_none_to_differ_from() -> None:
    with session_of(CountingNet()) as session:
        (missed,) = solve(session, Optimise(2, optimiser=ADAM), Problem("a", Diversity(LAYERS[1])))
    assert isinstance(missed, Missed) and "there is only one" in str(missed.error)
