"""One pass over each image of a set."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from torchesegeta.errors import EsegetaError, IncompatibleError, InputError, ModelError
from torchesegeta.sweeps import (
    Gather,
    Gathered,
    ImageSet,
    Read,
    Request,
    Runner,
    Sample,
    Session,
    count_points,
    run_sweep,
)
from torchesegeta.sweeps import gather as module
from torchesegeta.targets import parse_target
from torchesegeta.types import Image

from .counting import LAYERS, CountingNet

SHAPE = (6, 7)
Readers = Sequence[Callable[[], Image]]


def image(number: int) -> Image:
    return Image(torch.randn(1, *SHAPE, generator=torch.Generator().manual_seed(number)), name=f"image {number}")


@dataclass
class Basket:
    """Keeps what it is handed."""

    samples: list[Gathered] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    short: str | None = None

    def start(self) -> None: ...

    def update(self, sample: Sample) -> None:
        assert isinstance(sample, Gathered)
        self.samples.append(sample)

    def finish(self) -> Tensor:
        return torch.zeros(1)

    def lose(self, why: str) -> None:
        self.lost.append(why)

    def cut(self, why: str) -> None:
        self.short = why


def collect(
    sweep: Gather,
    *,
    count: int = 3,
    each: Readers | None = None,
    target: Any = (0, 2),
    net: CountingNet | None = None,
    layer: str = LAYERS[2],
    **options: Any,
) -> Basket:
    basket, net = Basket(), net or CountingNet()
    runner = Runner(net.eval(), torch.device("cpu"))
    each = [lambda n=n: image(n) for n in range(count)] if each is None else each  # type: ignore[misc]
    images = ImageSet([f"image {n}" for n in range(len(each))], lambda n: each[n]())
    session = Session(runner, image(0), parse_target(list(target)), image_set=images)
    request = Request(Read.ACTIVATION, layer, lambda target: basket)
    (reader,) = run_sweep(sweep, [request], session, **options)
    if reader.error is not None:
        raise reader.error
    return basket


def plain(number: int, layer: str, target: int) -> tuple[Tensor, Tensor]:
    """The activation (channels, places) and the score's gradient."""
    net, kept = CountingNet().eval(), []
    net.get_submodule(layer).register_forward_hook(lambda module, inputs, output: kept.append(output))
    score = net(image(number).data[None].requires_grad_())[0, target]
    (gradient,) = torch.autograd.grad(score, kept[0])
    return kept[0][0].detach().flatten(1), gradient[0].flatten(1)


def test_every_image_with_every_target() -> None:
    basket = collect(Gather())
    assert [sample.image for sample in basket.samples] == ["image 0", "image 1", "image 2"]
    for number, sample in enumerate(basket.samples):
        for target in (0, 2):
            values, gradient = plain(number, LAYERS[2], target)
            assert sample.activation is not None and sample.activation.shape == (1, 4, *SHAPE)
            torch.testing.assert_close(sample.activation[0].flatten(1), values)
            torch.testing.assert_close(sample.gradients[str(target)][0].flatten(1), gradient)


def test_places_depend_on_seed_and_image_alone() -> None:
    few, more = (collect(Gather(samples=samples)) for samples in (5, 9))
    for number, (sample, longer) in enumerate(zip(few.samples, more.samples, strict=True)):
        assert sample.activation is not None and longer.activation is not None
        assert sample.activation.shape == (5, 4)
        assert torch.equal(sample.activation, longer.activation[:5])
        order = module.places_at(SHAPE, sample.key)[:5]
        values, gradient = plain(number, LAYERS[2], 2)
        torch.testing.assert_close(sample.activation, values.T[order])
        torch.testing.assert_close(sample.gradients["2"], gradient.T[order])
    backwards = collect(Gather(samples=5), each=[lambda n=n: image(n) for n in (2, 0, 1)])  # type: ignore[misc]
    for sample in few.samples:
        (other,) = [one for one in backwards.samples if one.image == sample.image]
        assert torch.equal(other.activation, sample.activation)  # type: ignore[arg-type]


def test_all_places_where_there_are_fewer() -> None:
    (sample, *_) = collect(Gather(samples=1000)).samples
    assert sample.activation is not None and sample.activation.shape == (SHAPE[0] * SHAPE[1], 4)


def test_passes_as_planned() -> None:
    for graded in (True, False):
        net = CountingNet()
        sweep = Gather(graded=graded)
        collect(sweep, net=net)
        planned = sweep.passes(2, [Read.ACTIVATION], 3)
        assert net.forwards[LAYERS[2]] == planned["forward"] == 3
        assert net.backwards[LAYERS[-1]] == planned["backward"] == (6 if graded else 0)
        assert net.backwards[LAYERS[2]] == 0, "it goes back no further than to the layer"
        if not graded:  # the first pass has told how often modules are called
            assert net.forwards[LAYERS[3]] == 1, "it goes no further than to the layer"


def test_this_image_alone() -> None:
    basket = collect(Gather(whole_set=False))
    assert [sample.image for sample in basket.samples] == ["image 0"]


def test_counts_images() -> None:
    images = ImageSet.of([image(number) for number in range(4)])
    session = Session(Runner(CountingNet(), torch.device("cpu")), image(0), parse_target(0), image_set=images)
    assert count_points(Gather(), session) == 4
    assert count_points(Gather(whole_set=False), session) == 1


def test_one_image_is_alive_at_a_time() -> None:
    alive: list[weakref.ref[Image]] = []

    def read(number: int) -> Image:
        assert sum(ref() is not None for ref in alive) <= 1, "earlier images are still held"
        one = image(number)
        alive.append(weakref.ref(one))
        return one

    collect(Gather(samples=3), each=[lambda n=n: read(n) for n in range(6)])  # type: ignore[misc]
    assert len(alive) == 6


def test_what_cannot_be_read_is_left_out() -> None:
    def broken() -> Image:
        raise InputError("b.nii is cut off")

    basket = collect(Gather(), each=[lambda: image(0), broken, lambda: image(2)])
    assert [sample.image for sample in basket.samples] == ["image 0", "image 2"]
    assert basket.lost == ["b.nii is cut off"]


def test_what_cannot_be_run_is_named() -> None:
    wrong = Image(torch.zeros(3, *SHAPE), name="three channels")
    with pytest.raises(ModelError, match="image 'three channels': the model refuses"):
        collect(Gather(), each=[lambda: image(0), lambda: wrong])


def test_deadline_leaves_time_for_what_follows() -> None:
    def slow(number: int) -> Image:
        time.sleep(0.1)
        return image(number)

    start = time.monotonic()
    each: Readers = [lambda n=n: slow(n) for n in range(30)]  # type: ignore[misc]
    basket = collect(Gather(), each=each, deadline=start + 1.0)
    assert 0 < len(basket.samples) < 9
    assert basket.short == f"the deadline came after {len(basket.samples)} of 30 images"
    assert time.monotonic() < start + 1.0


def test_progress_counts_images() -> None:
    told: list[tuple[int, int]] = []
    collect(Gather(), progress=lambda done, count: told.append((done, count)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_layers_that_cannot_be_watched_are_refused() -> None:
    with pytest.raises(EsegetaError, match="head"):
        collect(Gather(), layer="head#3")


def test_units_without_places_are_one_vector() -> None:
    (sample, *_) = collect(Gather(samples=5, graded=False), layer="head").samples
    assert sample.activation is not None and sample.activation.shape == (1, 3)


def test_tokens_are_refused() -> None:
    class Tokens(CountingNet):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(self.flat(x.flatten(2)).view(x.shape))

        def __init__(self) -> None:
            super().__init__()
            self.flat = torch.nn.Identity()

    with pytest.raises(IncompatibleError, match=r"puts out \(1, 1, 42\)"):
        collect(Gather(samples=5), net=Tokens(), layer="flat")
