"""The properties every method must have, each a function that raises AssertionError where one has not."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.baselines import Baseline
from torchesegeta.errors import EsegetaError
from torchesegeta.methods import Method
from torchesegeta.optimisation.parameterisations import fourier, pixels, ranged
from torchesegeta.optimisation.transforms import Roll
from torchesegeta.sweeps import Optimise, coalitions, gather, grids, independent, noise

from .nets import LAYERS, Net, build, permuted
from .snapshot import assert_same, snapshot
from .subject import CLASS, SIZES, Subject, apart, values_of

CHUNKS = 1e-5
"""Share of the largest value by which chunk sizes may differ: float32 sums in another order."""
PERMUTED = 1e-6
"""The same for permuted axes; the network then runs in float64, its maps are float32."""
GAP = 1e-4
"""Completeness gap allowed with 128 steps on a smooth network; 4e-6 is the largest seen."""
GAP_RELU = 0.02
"""The same with ReLUs and max-pools: the gradient jumps along the path, so the gap falls slowly; 0.007 was seen."""

Check = Callable[[Subject], None]


def has_shape(subject: Subject) -> None:
    """Of the image or the layer, float32, finite, not all zero."""
    maps = subject.explain()
    assert [m.layer for m in maps] == (list(LAYERS) if subject.row.layers else [None])
    for m, values in zip(maps, values_of(maps), strict=True):
        assert values.dtype == torch.float32
        assert values.device.type == "cpu" and not values.requires_grad
        assert bool(torch.isfinite(values).all())
        assert float(values.abs().max()) > 0, f"{m.label} is zero everywhere at {m.layer}"
        assert tuple(values.shape) == _expected(subject, m.layer)
        assert m.space == ("layer" if subject.row.shape.startswith("layer") else "image")
        assert m.signed or float(values.min()) >= 0, "a map that is not signed has negative values"


def _expected(subject: Subject, layer: str | None) -> tuple[int, ...]:
    sizes = SIZES if subject.row.sizes is None else subject.row.sizes
    image = (2, *sizes[subject.dims])
    if not subject.row.shape.startswith("layer"):
        return image if subject.row.shape == "image" else (1, *image[1:])
    found: list[Tensor] = []
    module = subject.model.get_submodule(layer or "")
    hook = module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    with torch.no_grad():
        subject.model.eval()(subject.image()[None])
    hook.remove()
    channels, *spatial = found[0].shape[1:]
    return (1 if subject.row.shape == "layer map" else channels, *spatial)


def leaves_all_untouched(subject: Subject) -> None:
    """Model (also in training mode), image and the global random states."""
    model, image = subject.model.train(), subject.image()
    before, copy, randomness = snapshot(model), image.clone(), _random_states()
    subject.explain(model=model, image=image)
    assert_same(before, snapshot(model))
    assert torch.equal(image, copy) and not image.requires_grad and image.grad is None, "the image was changed"
    assert randomness == _random_states(), "a global random state was changed"


def _random_states() -> tuple[Any, ...]:
    _, keys, *numpy_state = np.random.get_state()
    return torch.get_rng_state().tolist(), np.asarray(keys).tolist(), *numpy_state, random.getstate()


def leaves_no_hook_after_an_error(subject: Subject) -> None:
    """Whichever pass of the model raises: the call raises or says so, and the model is as it was."""
    pictured = any(isinstance(sweep, Optimise) for sweep in te.methods()[subject.method]().sweeps())
    for call in range(2 if subject.row.of_set else 4):  # of a set, those of the first image
        model, trap = subject.model.train(), _Trap(call)
        handle = model.get_submodule("merge").register_forward_pre_hook(trap)
        before = snapshot(model)
        try:
            statuses = {m.status for m in subject.explain(model=model)}
            apart = {"ok"} if trap.sprung and pictured else set()  # pictures of other layers have passes of their own
            assert statuses - apart == {"failed" if trap.sprung else "ok"}
        except EsegetaError as error:
            assert trap.sprung and "trap" in str(error), error
        assert_same(before, snapshot(model))
        handle.remove()


class _Trap:
    """Raises, once so many calls have passed."""

    def __init__(self, calls: int) -> None:
        self.left, self.sprung = calls, False

    def __call__(self, module: nn.Module, inputs: Any) -> None:
        self.left -= 1
        if self.left == -1:
            self.sprung = True
            raise KeyError("trap")


def repeats(subject: Subject) -> None:
    """The same twice, to the bit."""
    for one, other in zip(subject.values(), subject.values(), strict=True):
        assert torch.equal(one, other)


def does_not_depend_on_chunks(subject: Subject) -> None:
    """The same whether points run one, three or eight at a time."""
    one, *others = (subject.values(chunk_size=size) for size in (1, 3, 8))
    for other in others:
        for mine, theirs in zip(one, other, strict=True):
            assert apart(mine, theirs) < CHUNKS


def takes_lists(subject: Subject) -> None:
    """A list of images gives each image's own map, or of the model itself the one that its first image gives."""
    if subject.row.of_set:
        return
    of_model = te.methods()[subject.method].of_model
    images = [subject.image(0), subject.image(1)]
    together = subject.explain(image=images)
    for number, image in enumerate(images):
        mine = te.Attributions(m for m in together if m.image == f"image_{number}")
        if of_model and number:
            assert not mine
            continue
        for listed, single in zip(values_of(mine), subject.values(image=image), strict=True):
            assert torch.equal(listed, single)


def treats_axes_alike(subject: Subject) -> None:
    """Permute the axes of image, kernels and pools, and the map permutes: nothing depends on which axis is which."""
    net = build(subject.kind, subject.dims).double()
    with pytest.MonkeyPatch.context() as patch:
        _fix_draws(patch, range(subject.dims), subject.dims)
        plain = subject.values(model=net)
        for axes in [(1, 0)] if subject.dims == 2 else [(1, 2, 0), (2, 1, 0)]:
            moved = _permute(subject.image(), axes)
            _fix_draws(patch, axes, subject.dims)
            parameters = {name: _permute(v[None], axes)[0] for name, v in subject.labels.items()}
            there = subject.values(model=permuted(net, axes), image=moved, parameters=parameters)
            for mine, theirs in zip(there, plain, strict=True):
                moved_too = _permute_tiles(theirs, axes, subject.row.tiled)
                assert apart(mine, moved_too) < PERMUTED, f"axes {axes}"


def _permute(tensor: Tensor, axes: Any) -> Tensor:
    """(C, *spatial) with its spatial axes in another order."""
    return tensor.permute(0, *(1 + a for a in axes))


def _permute_tiles(tensor: Tensor, axes: Any, tiles: int) -> Tensor:
    """The same of each tile of a plane of `tiles` × `tiles`."""
    rows = (torch.cat([_permute(t, axes) for t in r.chunk(tiles, 2)], 2) for r in tensor.chunk(tiles, 1))
    return torch.cat(list(rows), 1)


def _fix_draws(patch: pytest.MonkeyPatch, axes: Any, dims: int) -> None:
    """The engine draws by the image's content; here the permuted image gets the permuted draws."""

    def noise_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
        source = torch.Generator().manual_seed(index)
        unpermuted = [shape[1 + list(axes).index(a)] for a in range(dims)]
        return _permute(torch.randn(shape[0], *unpermuted, generator=source), axes)

    patch.setattr(noise, "noise_at", noise_at)
    for module in (fourier, pixels):
        patch.setattr(module, "normal", noise_at)
    patch.setattr(ranged, "uniform", lambda shape, key, index: noise_at(shape, key, index).sigmoid())
    patch.setattr(Roll, "draw", lambda transform, source, spatial: tuple((1, -2, 2)[axis] for axis in axes))
    patch.setattr(gather, "places_at", partial(_places_at, axes))
    patch.setattr(noise, "mixing_at", lambda count, key, index: ((0.37 * (index + 1)) % 1, index % count))
    patch.setattr(grids, "grid_at", lambda *draw: _grid_at(axes, *draw))
    for module, draw in ((coalitions, "permutation_at"), (coalitions, "coalition_at"), (independent, "coins_at")):
        patch.setattr(module, draw, _without_key(getattr(module, draw)))
    drawn = independent.sequence_of
    patch.setattr(independent, "sequence_of", lambda count, samples, key: drawn(count, samples, ""))


def _places_at(axes: Any, shape: Sequence[int], key: str) -> Tensor:
    numbers = torch.arange(prod(shape)).view(*shape)
    unpermuted = numbers.permute(*(list(axes).index(a) for a in range(len(shape)))).flatten()
    return unpermuted[torch.randperm(len(unpermuted), generator=torch.Generator().manual_seed(7))]


def _grid_at(axes: Any, dims: int, cells: int, share: float, key: str, index: int) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(index)
    grid, shift = torch.rand((1, *(cells,) * dims), generator=source).round(), torch.rand(dims, generator=source)
    return _permute(grid, axes)[0], shift[list(axes)]


def _without_key(draw: Callable[[int, str, int], Tensor]) -> Callable[[int, str, int], Tensor]:
    return lambda count, key, index: draw(count, "", index)


def is_complete(subject: Subject) -> None:
    """A map that promises it sums to the score's change from baseline to image."""
    if not subject.row.complete:
        return
    for smooth, allowed in ((True, GAP), (False, GAP_RELU)):
        net = build(subject.kind, subject.dims, smooth=smooth).eval()
        steps = {"steps": 128} if "steps" in subject.row.parameters else {}
        place: dict[str, Any] = {"layers": ["merge"]} if subject.row.layers else {}
        maps = subject.explain(model=net, parameters=steps, **place)
        (values,) = values_of(maps)
        change = _score_change(net, subject)
        assert abs(float(values.sum()) - change) < allowed * abs(change), f"{float(values.sum())} for {change}"


@torch.no_grad()
def _score_change(net: Net, subject: Subject) -> float:
    """The target's score at the image less that at the baseline, computed plainly."""
    image = subject.image()[None]
    baseline = _start(subject)[None]
    top, bottom = net(image), net(baseline)
    if subject.kind == "classification":
        return float(top[0, CLASS] - bottom[0, CLASS])
    region = top[0].argmax(0) == CLASS
    return float(top[0, CLASS][region].sum() - bottom[0, CLASS][region].sum())


def _start(subject: Subject) -> Tensor:
    """What the method starts from: a constant, or the blurred image."""
    parameters, image = subject.row.parameters, subject.image()
    if "sigma" in parameters:
        return Baseline(kind="blur", sigma=parameters["sigma"]).resolve(image)
    return torch.full_like(image, parameters["baseline"])


CHECKS: tuple[Check, ...] = (
    has_shape,
    leaves_all_untouched,
    leaves_no_hook_after_an_error,
    repeats,
    does_not_depend_on_chunks,
    takes_lists,
    treats_axes_alike,
    is_complete,
)
"""Each on every method, in 2D and 3D, for classification and segmentation."""


def is_documented(method: type[Method]) -> None:
    """What it is, what it shows, where it comes from, and what each parameter means."""
    assert len(method.summary()) > 20, "no summary"
    for attribute in ("name", "title", "family", "source", "quantity"):
        assert getattr(method, attribute), f"{attribute} is empty"
    for name, field in method.model_fields.items():
        assert field.description and len(field.description) > 10, f"parameter {name!r} has no description"
    numbers = [p for p in method.model_json_schema()["properties"].values() if p.get("type") in ("integer", "number")]
    assert all({"minimum", "exclusiveMinimum"} & p.keys() for p in numbers), "a number has no lower bound"


def is_strict(method: type[Method]) -> None:
    """Fields it does not have are refused, with the nearest that it has; it cannot be changed afterwards."""
    for name in method.model_fields:
        with pytest.raises(ValidationError, match=f"nearest: '{name}'"):
            method.model_validate({f"{name}x": 1})
    with pytest.raises(ValidationError, match="'no_such_thing' does not exist"):
        method.model_validate({"no_such_thing": 1})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(method(), next(iter(method.model_fields), "x"), 1)


def is_a_value(method: type[Method], parameters: Any) -> None:
    """To JSON and back, hashed, pickled: it stays itself, and so do its sweeps."""
    mine = method.model_validate(parameters)
    for other in (method.model_validate(mine.parameters()), pickle.loads(pickle.dumps(mine))):
        assert other == mine and hash(other) == hash(mine)
        assert other.sweeps() == mine.sweeps() and hash(other.sweeps()) == hash(mine.sweeps())
