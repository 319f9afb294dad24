"""Pictures under way: no pass further than needed, no picture that depends on its neighbours, nothing lost in time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError, IncompatibleError
from torchesegeta.optimisation import Optimiser
from torchesegeta.optimisation.objectives import Channel, Constant, Objective, Score, Seen
from torchesegeta.optimisation.parameterisations import Pixels
from torchesegeta.sweeps import (
    Missed,
    Optimise,
    Patience,
    Problem,
    Read,
    Request,
    Result,
    Runner,
    Sample,
    Session,
    optimise_passes,
    prepared,
    run_sweep,
)
from torchesegeta.sweeps.tiles import windows
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

from .counting import IMAGE, LAYERS, CountingNet, session_of

ASCENT = Optimiser("sgd", 0.5)


@dataclass
class Desk:
    """A readout that asks for given problems and keeps what came of them."""

    wanted: Sequence[Problem]
    taken: list[Result | Missed] = field(default_factory=list)

    def start(self) -> None:
        pass

    def update(self, sample: Sample) -> None:
        raise AssertionError("a draftsman takes no samples")

    def problems(self) -> Sequence[Problem]:
        asked, self.wanted = self.wanted, ()
        return asked

    def take(self, result: Result | Missed) -> None:
        self.taken.append(result)

    def finish(self) -> Tensor:
        return self.results[0].pictures

    @property
    def results(self) -> list[Result]:
        assert all(isinstance(one, Result) for one in self.taken), self.taken
        return [one for one in self.taken if isinstance(one, Result)]


def solve(
    session: Session, sweep: Optimise, *problems: Problem, reads: Read = Read.ACTIVATION, **options: Any
) -> list[Result | Missed]:
    desk = Desk(problems)
    run_sweep(sweep, [Request(reads, None, lambda target: desk)], session, **options)
    return desk.taken


def pictures(found: Sequence[Result | Missed]) -> list[Tensor]:
    return [one.pictures for one in found if isinstance(one, Result)]


@contextmanager
def session_over(net: nn.Module, image: Tensor = IMAGE.data, target: Any = 0) -> Iterator[Session]:
    with prepared(net, torch.device("cpu"), 0) as ready:
        yield Session(Runner(ready, torch.device("cpu")), Image(image), parse_target(target))


def test_passes_end_at_the_layer_that_is_read() -> None:
    net = CountingNet()
    with session_of(net) as session:
        _ = session.bound
        net.forwards.clear()
        (result,) = solve(session, Optimise(4, optimiser=ASCENT), Problem("a", Channel(LAYERS[2], 1)))
    assert isinstance(result, Result) and result.steps == 4 and not result.stopped
    assert net.forwards == {LAYERS[i]: 5 + (1 if i > 2 else 0) for i in range(3)} | {
        LAYERS[i]: net.forwards[LAYERS[i]] for i in range(3, 7)
    }
    assert all(net.forwards[LAYERS[i]] <= 1 for i in range(3, 7)), "only the first pass learns where it may stop"
    assert net.backwards == {LAYERS[i]: 4 for i in range(3)}
    assert float(result.reached) > float(result.before)


def test_equals_a_plain_ascent() -> None:
    net, steps = CountingNet(), 6
    start = torch.randn(1, *IMAGE.data.shape, generator=torch.Generator().manual_seed(5))
    with session_of(net) as session:
        (result,) = solve(session, Optimise(steps, optimiser=ASCENT), Problem("a", Channel(LAYERS[3], 2), start=start))
    x = start.clone()
    for _ in range(steps):
        x.requires_grad_()
        hidden = x
        for block in net.blocks[:4]:
            hidden = block(hidden)
        (slope,) = torch.autograd.grad(hidden[:, 2].mean(), x)
        x = (x + 0.5 * slope).detach()
    assert isinstance(result, Result)
    torch.testing.assert_close(result.pictures, x, rtol=1e-5, atol=1e-6)


def test_neighbours_change_nothing() -> None:
    many = [Problem(str(n), Channel(LAYERS[n % 2], n % 4)) for n in range(7)]
    sweep = Optimise(5, optimiser=Optimiser("adam", 0.1))
    together = []
    for chunk_size in (1, 3, 8):
        with session_of(CountingNet(), chunk_size=chunk_size) as session:
            found = solve(session, sweep, *many)
            together.append({r.problem.name: r.pictures for r in found if isinstance(r, Result)})
    for name, picture in together[0].items():
        for others in together[1:]:
            torch.testing.assert_close(picture, others[name], rtol=1e-5, atol=1e-6)


def test_seeds_decide_on_the_start() -> None:
    sweep, problem = Optimise(3), Problem("a", Channel(LAYERS[1], 0))
    with session_of(CountingNet(), seed=1) as session:
        one = pictures(solve(session, sweep, problem))[0]
    with session_of(CountingNet(), seed=1) as session:
        same = pictures(solve(session, sweep, problem))[0]
    with session_of(CountingNet(), seed=2) as session:
        other = pictures(solve(session, sweep, problem))[0]
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize("limit", [1, 2])
def test_batches_that_do_not_fit_are_halved(limit: int) -> None:
    many = [Problem(str(n), Channel(LAYERS[1], n)) for n in range(4)]
    found: list[list[Tensor]] = []
    for net in (CountingNet(), CountingNet()):
        with session_of(net) as session:
            _ = session.bound
            net.batch_limit = limit if found else 1000
            found.append(pictures(solve(session, Optimise(3, optimiser=ASCENT), *many)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


class Clock:
    """Advances a second whenever it is read."""

    def __init__(self) -> None:
        self.ticks = itertools.count()

    def monotonic(self) -> float:
        return float(next(self.ticks))


def test_deadline_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimise_passes, "time", Clock())
    many = [Problem(str(n), Channel(LAYERS[n], 0)) for n in range(2)]
    with session_of(CountingNet()) as session:
        found = solve(session, Optimise(1000), *many, deadline=20.0)
    assert [isinstance(one, Result) and one.stopped for one in found] == [True, True]
    first, second = (one.steps for one in found if isinstance(one, Result))
    assert 3 <= first <= 12 and 3 <= second <= 12, "each gets its share of the time"


def test_deadline_before_the_first_step() -> None:
    with session_of(CountingNet()) as session:
        (missed,) = solve(session, Optimise(3), Problem("a", Channel(LAYERS[1], 0)), deadline=0.0)
    assert isinstance(missed, Missed) and isinstance(missed.error, TimeoutError)


def test_time_limits_of_methods() -> None:
    entries = {
        "layer_visualization": {"steps": 100_000},
        "smoothgrad": {"samples": 5_000},
        "rise": {"masks": 5_000, "cells": 3},
        "kernel_shap": {"samples": 5_000, "features": 3},
        "shapley_value_sampling": {"permutations": 1_000, "features": 3},
        "guided_integrated_gradients": {"steps": 1_000},
        "integrated_gradients": {"steps": 1_000},
        "saliency": {},
    }
    asked = [{"name": name, "timeout_s": 0.1, **fields} for name, fields in entries.items()]
    maps = te.explain(CountingNet(), IMAGE, asked, target=0, layers=[LAYERS[1]])
    assert [m.status for m in maps] == ["partial"] * 5 + ["timeout"] * 2 + ["ok"]
    assert [m.has_map for m in maps] == [True] * 5 + [False] * 2 + [True]
    assert all(str(m.reason).startswith("the deadline came after") for m in maps[:7])
    assert all(m.measures["samples"] > 1 for m in maps[1:5])


@pytest.mark.parametrize("value", [0, -1, "soon", True, float("inf"), float("nan")])
def test_time_limits_are_positive_numbers(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"methods\[0\].timeout_s: .* is not a number of seconds above 0"):
        te.explain(CountingNet(), IMAGE, {"name": "saliency", "timeout_s": value})


@dataclass(frozen=True)
class Hill(Objective):
    """Highest where all voxels are `top`."""

    top: float

    def value(self, seen: Seen) -> Tensor:
        return -(seen.pictures - self.top).square().flatten(1).mean(1)


def test_the_best_or_the_last_picture() -> None:
    start = torch.full((1, *IMAGE.data.shape), 1.0)
    wild = Optimiser("sgd", 120.0)  # every step goes further astray
    for keep in ("best", "last"):
        with session_of(CountingNet()) as session:
            (result,) = solve(session, Optimise(5, optimiser=wild, keep=keep), Problem("a", Hill(0.0), start=start))
        assert isinstance(result, Result)
        assert torch.equal(result.pictures, start) == (keep == "best")
        assert float(result.reached) == pytest.approx(float(Hill(0.0).value(Shown(result.pictures))))


@dataclass
class Shown:
    """A picture alone."""

    pictures: Tensor
    step: int = 0

    def layer(self, name: str) -> Tensor:
        raise KeyError(name)

    def score(self) -> Tensor:
        raise KeyError

    def rival(self) -> Tensor:
        raise KeyError


def test_patience_ends_what_no_longer_rises() -> None:
    start = torch.ones(1, *IMAGE.data.shape)
    sweep = Optimise(1000, optimiser=Optimiser("sgd", 20.0), patience=Patience(5, 1e-3))
    with session_of(CountingNet()) as session:
        (result,) = solve(session, sweep, Problem("a", Hill(0.0) + 10, start=start))
    assert isinstance(result, Result) and 5 < result.steps < 100 and not result.stopped
    assert result.pictures.abs().max() < 0.1


def test_objectives_compose() -> None:
    shown = Shown(torch.ones(2, 1, 3, 3))
    one, two = Hill(0.0), Hill(3.0)
    assert (2 * one + two * one - 1).value(shown).tolist() == [-2 + 4 - 1] * 2
    assert (1 - one).value(shown).tolist() == [2.0] * 2
    assert (-(one * 0.5)).value(shown).tolist() == [0.5] * 2
    assert float((Constant(2) + 1).value(shown)) == 3
    both = Channel("a", 0) * Score() + Channel("b", 1)
    assert both.layers == ("a", "b") and both.reads_score


class Aside(nn.Module):
    """A layer that does not see the image, and one whose channels are dead."""

    def __init__(self) -> None:
        super().__init__()
        self.aside, conv = nn.Conv2d(1, 2, 1), nn.Conv2d(1, 2, 1)
        self.dead = nn.Sequential(conv, nn.ReLU())
        with torch.no_grad():
            conv.weight.zero_()
            nn.init.constant_(next(p for p in conv.parameters() if p.ndim == 1), -1)

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = x.mean((2, 3)) + self.aside(torch.ones(1, 1, 4, 4)).mean() + self.dead(x).mean()
        return score


@pytest.mark.parametrize(
    ("layer", "words"),
    [("aside", "layer 'aside' does not depend on the image"), ("dead", "the objective does not change")],
)
def test_what_cannot_rise_is_refused(layer: str, words: str) -> None:
    with session_over(Aside()) as session:
        (missed,) = solve(session, Optimise(3), Problem("a", Channel(layer, 0)))
    assert isinstance(missed, Missed) and isinstance(missed.error, IncompatibleError) and words in str(missed.error)


def test_an_unfit_problem_fails_alone() -> None:
    many = [
        Problem("a", Channel(LAYERS[1], 0)),
        Problem("b", Channel(LAYERS[1], 99)),
        Problem("c", Channel(LAYERS[1], 1)),
    ]
    with session_of(CountingNet()) as session:
        found = solve(session, Optimise(2), *many)
    (missed,) = (one for one in found if isinstance(one, Missed))
    assert missed.problem.name == "b" and "has 4 channels, 0 to 3; channel 99 is none" in str(missed.error)
    assert {one.problem.name for one in found if isinstance(one, Result)} == {"a", "c"}


def test_objective_that_is_not_finite() -> None:
    with session_of(CountingNet()) as session:
        (missed,) = solve(session, Optimise(2), Problem("a", Channel(LAYERS[1], 0) * float("inf")))
    assert isinstance(missed, Missed) and "NaN or infinite at step 0" in str(missed.error)


def test_scores_are_those_of_the_reader_target() -> None:
    net = CountingNet()
    desks: dict[int | None, Desk] = {}

    def opened(target: int | None) -> Desk:
        return desks.setdefault(target, Desk([Problem("a", Score())]))

    with session_of(net, [0, 2]) as session:
        run_sweep(Optimise(3, optimiser=ASCENT), [Request(Read.SCORE, None, opened)], session)
    for index, target in ((0, 0), (1, 2)):
        (result,) = desks[index].results
        with torch.no_grad():
            assert result.scores is not None
            torch.testing.assert_close(result.scores, net(result.pictures)[:, target], rtol=1e-5, atol=1e-6)
        assert float(result.reached) > float(result.before)


def test_a_voxel_count_has_no_slope() -> None:
    net = nn.Conv2d(1, 2, 1)
    request = Request(Read.SCORE, None, lambda target: Desk([Problem("a", Score())]))
    with session_over(net, target={"kind": "multiclass", "count": True}) as session, pytest.raises(IncompatibleError):
        run_sweep(Optimise(3), [request], session)


@pytest.mark.parametrize("shape", [(9, 11), (7, 8, 9)])
@pytest.mark.parametrize("tile", [3, 4, 16])
def test_windows_cover_everything(shape: tuple[int, ...], tile: int) -> None:
    seen = torch.zeros(1, 1, *shape)
    found = windows(shape, tile)
    for window in found:
        window.of(seen).add_(1)
        assert tuple(window.of(seen).shape[2:]) == tuple(min(tile, size) for size in shape)
    assert bool((seen > 0).all()) and found[0].whole == (tile == 16)


def test_tiles_of_a_local_network_are_the_whole() -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Tanh())
    start = torch.randn(1, 1, 8, 12, generator=torch.Generator().manual_seed(3))
    found = []
    for tile in (None, 4):
        with session_over(net, start[0]) as session:
            sweep = Optimise(4, Pixels(), ASCENT, tile=tile)
            found += pictures(solve(session, sweep, Problem("a", Channel("1", 1), start=start)))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(16, 24), (8, 16, 8)])
def test_tiles_agree_with_the_whole_inside(shape: tuple[int, ...]) -> None:
    conv = nn.Conv2d if len(shape) == 2 else nn.Conv3d
    net = nn.Sequential(conv(1, 3, 3, padding=1), nn.Tanh())
    start = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(3))
    found = []
    for tile in (None, 8):
        with session_over(net, start[0]) as session:
            found += pictures(
                solve(session, Optimise(1, Pixels(), ASCENT, tile=tile), Problem("a", Channel("1", 1), start=start))
            )
    for window in windows(shape, 8):
        inside = (slice(2, -2),) * len(shape)  # places a voxel away count, with the slopes of what they see
        whole, tiled = (window.of(picture)[0, 0][inside] for picture in found)
        torch.testing.assert_close(tiled, whole, rtol=1e-5, atol=1e-6)
    assert float((found[0] - found[1]).abs().max()) > 1e-4, "at the tiles' borders they differ"


def test_scores_do_not_come_in_tiles() -> None:
    desk = Desk([Problem("a", Score())])
    with session_of(CountingNet()) as session:
        run_sweep(Optimise(2, tile=4), [Request(Read.SCORE, None, lambda target: desk)], session)
    (missed,) = desk.taken
    assert isinstance(missed, Missed) and "needs the whole picture" in str(missed.error)


def test_a_look_makes_no_step() -> None:
    net, start = CountingNet(), torch.ones(1, *IMAGE.data.shape)
    with session_of(net) as session:
        look, grown = solve(
            session,
            Optimise(3, optimiser=ASCENT),
            Problem("look", Channel(LAYERS[1], 0), start=start, share=0),
            Problem("grow", Channel(LAYERS[1], 0), start=start),
        )
    assert isinstance(look, Result) and isinstance(grown, Result)
    assert (look.steps, grown.steps) == (0, 3) and not look.stopped
    assert torch.equal(look.pictures, start) and not torch.equal(grown.pictures, start)
    assert float(look.before) == float(look.reached) == pytest.approx(float(grown.before), rel=1e-6)
    assert net.backwards[LAYERS[0]] == 3


def test_progress_ends_at_all_steps() -> None:
    seen: list[tuple[int, int]] = []
    many = [Problem(str(n), Channel(LAYERS[n], 0)) for n in range(3)]
    with session_of(CountingNet()) as session:
        solve(session, Optimise(4), *many, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (12, 12) and [done for done, _ in seen] == sorted(done for done, _ in seen)
