"""Pictures that methods optimise: dreams, class images, layer visualisations, inverted representations."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.methods.pictures.octaves import octave_sizes
from torchesegeta.optimisation.parameterisations import ranged
from torchesegeta.sweeps import optimise_passes
from torchesegeta.types import Attribution

IMAGES = {
    2: torch.rand(2, 16, 24, generator=torch.Generator().manual_seed(2)),
    3: torch.rand(1, 16, 12, 8, generator=torch.Generator().manual_seed(3)),
}


class Net(nn.Module):
    """(B, C, *spatial) in some unit to two logits per voxel; its image is `zero` + `one` · what its weights expect."""

    def __init__(self, dims: int, zero: float = 0.0, one: float = 1.0) -> None:
        super().__init__()
        conv, pool = (nn.Conv2d, nn.MaxPool2d) if dims == 2 else (nn.Conv3d, nn.MaxPool3d)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            self.first, self.second = conv(len(IMAGES[dims]), 4, 3, padding=1), conv(4, 5, 3, padding=1)
            self.head = conv(5, 2, 1)
        self.pool, self.act, self.dead = pool(2), nn.Softplus(), nn.Hardtanh(0, 0.0001)
        self.zero, self.one = zero, one

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.act(self.second(self.pool(self.first((image - self.zero) / self.one))))
        logits: Tensor = self.head(nn.functional.interpolate(hidden, size=image.shape[2:]))
        dead: Tensor = self.dead(logits - 100)
        return logits + dead


def pictures(
    dims: int, *methods: Any, net: nn.Module | None = None, image: Any = None, **options: Any
) -> list[Attribution]:
    given = IMAGES[dims] if image is None else image
    region = {"kind": "region", "class": 1, "mask": given[0] > given[0].mean()}
    options = {"target": region, "layers": ["second"], **options}
    return list(te.explain(net or Net(dims), given, list(methods), **options))


def one(dims: int, name: str, net: nn.Module | None = None, image: Any = None, **method: Any) -> Attribution:
    (found,) = pictures(dims, {"name": name, **method}, net=net, image=image)
    return found


def values(found: Attribution) -> Tensor:
    assert found.values is not None, found.reason
    return found.values


@pytest.mark.parametrize(
    ("spatial", "count", "sizes"),
    [
        ((224, 224), 4, [(96, 96), (128, 128), (160, 160), (224, 224)]),
        ((64, 64, 64), 3, [(32, 32, 32), (64, 64, 64)]),
        ((90, 97), 3, [(46, 49), (64, 69), (90, 97)]),
        ((7, 1), 1, [(7, 1)]),
        ((2, 3), 9, [(2, 1), (2, 2), (2, 3)]),
    ],
)
def test_octave_sizes(spatial: tuple[int, ...], count: int, sizes: list[tuple[int, ...]]) -> None:
    assert octave_sizes(spatial, count, 1.4) == sizes


@pytest.mark.parametrize("size", range(1, 131))
def test_octaves_grow_and_keep_the_power_of_two(size: int) -> None:
    found = [axis for (axis,) in octave_sizes((size,), 5, 1.3)]
    assert found[-1] == size and all(one < other for one, other in pairwise(found))
    for power in (2, 4, 8, 16, 32):
        assert size % power or not any(axis % power for axis in found)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_dream_of_no_steps_worth_is_the_image(dims: int) -> None:
    """What the small octaves lose comes back."""
    found = one(dims, "deep_dream", octaves=3, learning_rate=1e-7)
    torch.testing.assert_close(values(found), IMAGES[dims], rtol=0, atol=1e-5)
    assert found.measures["ssim"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("of", ["layer", "target"])
def test_dreams(dims: int, of: str) -> None:
    image = IMAGES[dims]
    found = one(dims, "deep_dream", of=of, octaves=3, steps=5)
    sizes = octave_sizes(image.shape[1:], 3, 1.4)
    assert found.shows == "picture" and found.space == "image" and not found.warnings
    assert {name: tuple(a.shape[1:]) for name, a in found.arrays.items()} == {
        f"octave {n}": size for n, size in enumerate(sizes, 1)
    }
    assert torch.equal(found.arrays[f"octave {len(sizes)}"], values(found))
    lowest, highest = image.flatten(1).amin(1), image.flatten(1).amax(1)
    assert bool((values(found).flatten(1).amin(1) >= lowest - 1e-6).all())
    assert bool((values(found).flatten(1).amax(1) <= highest + 1e-6).all())
    assert found.measures["objective_before"] == pytest.approx(_excitement(dims, of, image), rel=1e-4)
    assert found.measures["objective_reached"] == pytest.approx(_excitement(dims, of, values(found)), rel=1e-4)
    assert found.measures["objective_reached"] > found.measures["objective_before"]
    assert 0.3 < found.measures["ssim"] < 1 and found.measures["steps"] == 5 * len(sizes)


@torch.no_grad()
def _excitement(dims: int, of: str, picture: Tensor) -> float:
    """The layer's mean square, or the sum of the logits over the region."""
    net, image = Net(dims), IMAGES[dims]
    if of == "layer":
        return float(net.second(net.pool(net.first(picture[None]))).square().mean())
    return float(net(picture[None])[0, 1][image[0] > image[0].mean()].sum())


def test_a_dream_of_a_filter_is_named() -> None:
    found = one(2, "deep_dream", filter=3, octaves=1, steps=2)
    assert (found.target, found.target_index, found.layer) == ("channel 3", 3, "second")
    missing = one(2, "deep_dream", filter=9, octaves=1, steps=2)
    assert (missing.target, missing.status) == ("channel 9", "incompatible")
    assert "has 5 channels, 0 to 4; channel 9 is none" in str(missing.reason)


def test_a_dream_in_which_the_image_is_lost_says_so() -> None:
    found = one(2, "deep_dream", octaves=1, steps=40, learning_rate=0.5)
    assert "hardly recognisable" in found.warnings[0] and found.measures["ssim"] < 0.3


def test_dreams_depend_on_the_seed_alone() -> None:
    method = {"name": "deep_dream", "octaves": 2, "steps": 3}
    first, same, other = (values(*pictures(2, method, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same) and not torch.equal(first, other)


@pytest.mark.parametrize("dims", [2, 3])
def test_dreams_in_tiles(dims: int) -> None:
    whole, large, small = (values(one(dims, "deep_dream", steps=3, tile=tile)) for tile in (None, 24, 8))
    assert torch.equal(whole, large)
    change = (whole - IMAGES[dims]).abs().mean()
    assert float((whole - small).abs().mean()) < 0.5 * float(change), "they differ at the tiles' borders only"


@pytest.mark.parametrize(
    ("method", "words"),
    [({"tile": 8}, "needs the whole picture"), ({"filter": 1}, "a target has none"), ({"tile": 4}, "8 or more")],
)
def test_what_a_dream_cannot_be(method: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pictures(2, {"name": "deep_dream", "of": "target", **method})


class Clock:
    """Advances a second whenever it is read; the deadline of `explain` lies 0 s ahead of its own clock."""

    def __init__(self, late_after: int) -> None:
        self.left = late_after

    def monotonic(self) -> float:
        self.left -= 1
        return 0.0 if self.left >= 0 else float("inf")


@pytest.mark.parametrize("reads", range(1, 22, 3))
def test_a_dream_at_its_deadline_is_what_there_is(reads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimise_passes, "time", Clock(reads))
    (found,) = pictures(2, {"name": "deep_dream", "octaves": 3, "steps": 4, "timeout_s": 1e6})
    if not found.arrays:
        assert found.status == "timeout" and reads < 6
        return
    sizes = octave_sizes(IMAGES[2].shape[1:], 3, 1.4)
    assert values(found).shape == IMAGES[2].shape and not torch.equal(values(found), IMAGES[2])
    steps = int(found.measures["steps"])
    if found.status == "partial":
        assert f"after {steps} steps, in octave {min(steps // 4 + 1, len(sizes))} of {len(sizes)}" in str(found.reason)
    else:
        assert found.status == "ok" and steps == 4 * len(sizes)


def test_an_octave_that_the_model_refuses_is_named() -> None:
    class Picky(Net):
        def forward(self, image: Tensor) -> Tensor:
            if image.shape[2:] != IMAGES[2].shape[1:]:
                raise ValueError("not the size I was trained for")
            return super().forward(image)

    (found,) = pictures(2, {"name": "deep_dream", "octaves": 2}, net=Picky(2))
    assert found.status == "failed" and "(1, 2, 16, 16)" in str(found.reason)
    (target,) = pictures(2, {"name": "deep_dream", "of": "target", "octaves": 2, "steps": 2}, net=Picky(2))
    assert target.status == "ok", "a target is always shown the image's size"


METHODS: dict[str, dict[str, Any]] = {
    "class_image": {"steps": 5, "blur_every": 2},
    "deep_dream": {"octaves": 2, "steps": 3},
    "inverted_representation": {"steps": 5},
    "layer_visualization": {"steps": 5, "filter": 2},
}


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_units_do_not_matter(method: str, dims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same image in other units, before a network that expects them, has the same picture in those units."""
    drawn = torch.rand(IMAGES[dims].shape, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(ranged, "uniform", lambda shape, key, index: drawn)
    parameters = METHODS[method] | ({"jitter": 0} if method == "deep_dream" else {})
    plain = one(dims, method, **parameters)
    other = one(dims, method, net=Net(dims, -3.0, 50.0), image=50 * IMAGES[dims] - 3, **parameters)
    torch.testing.assert_close((values(other) + 3) / 50, values(plain), rtol=1e-3, atol=1e-4)
    assert other.measures == pytest.approx(plain.measures, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_a_constant_channel_is_no_obstacle(method: str) -> None:
    image = IMAGES[2].clone()
    image[1] = 0.5
    found = one(2, method, image=image, **METHODS[method])
    assert found.status == "ok" and bool(torch.isfinite(values(found)).all())


def test_pictures_of_several_filters() -> None:
    method = {"name": "layer_visualization", "steps": 4}
    several, every = pictures(3, {**method, "filter": [3, 1]}), pictures(3, {**method, "filter": "all"})
    assert [(m.target, m.target_index) for m in several] == [("channel 3", 3), ("channel 1", 1)]
    assert [m.target for m in every] == [f"channel {n}" for n in range(5)]
    for m in several:
        torch.testing.assert_close(values(m), values(every[m.target_index or 0]), rtol=1e-4, atol=1e-5)
        assert m.measures["objective_reached"] > m.measures["objective_before"]


@pytest.mark.parametrize("filter", [-1, [], [0, -2], "some", 1.5])
def test_what_is_no_filter(filter: Any) -> None:
    with pytest.raises(ConfigError, match="filter"):
        pictures(2, {"name": "layer_visualization", "filter": filter})


def test_a_class_image_raises_the_score_of_the_region() -> None:
    found = one(3, "class_image", steps=20, blur=0, decay=0)
    assert found.measures["objective_reached"] == pytest.approx(_excitement(3, "target", values(found)), rel=1e-4)
    assert found.measures["objective_reached"] > _excitement(3, "target", IMAGES[3])
    assert found.measures["objective_reached"] > found.measures["objective_before"]


@pytest.mark.parametrize("dims", [2, 3])
def test_inversion_tells_how_near_it_came(dims: int) -> None:
    net, image = Net(dims), IMAGES[dims]
    found = one(dims, "inverted_representation", steps=60)
    with torch.no_grad():
        wanted, have = (net.second(net.pool(net.first(x[None]))) for x in (image, values(found)))
    assert found.measures["relative_distance"] == pytest.approx(float((have - wanted).norm() / wanted.norm()), rel=1e-3)
    assert found.measures["relative_distance"] < 0.3 and -1 <= found.measures["ssim"] < 1
    assert found.measures["objective_reached"] > found.measures["objective_before"]


def test_the_first_layer_knows_more_than_the_last() -> None:
    first, last = pictures(2, {"name": "inverted_representation"}, layers=["first", "head"])
    assert first.measures["ssim"] > 0.8 > last.measures["ssim"] + 0.2


def test_a_layer_that_is_zero_tells_nothing() -> None:
    (found,) = pictures(2, {"name": "inverted_representation"}, layers=["dead"])
    assert found.status == "incompatible" and "is zero everywhere for this image" in str(found.reason)
