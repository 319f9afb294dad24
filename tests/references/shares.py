"""The twins' plain networks walked backwards by hand, with every weighted sum written out as a dense matrix.

A rule says how a sum y = A x + b shares what its outputs hold among its inputs. Activations and squares have one input
each and hand everything on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Rule = Callable[[Tensor, Tensor, Tensor, Tensor, str], Tensor]
"""From the matrix A (outputs, inputs), the inputs x, the bias b, what the outputs hold and the name of the sum
(`first`, `second`, `merge`, `head` or `mean`) to what the inputs hold; all flat."""

Held = dict[str, Tensor]
"""What units hold: `second` and `first_relu` at these layers, `image` at the input."""


def walk(model: nn.Module, image: Tensor, rule: Rule, start: Tensor, *, from_layer: str = "output") -> Held:
    """What the units hold when the output, or a layer, holds `start`."""
    back = _classifier if not hasattr(model, "merge") else _segmenter
    with torch.no_grad():
        return back(model, image, rule, start, from_layer)


def _classifier(model: Any, image: Tensor, rule: Rule, start: Tensor, from_layer: str) -> Held:
    first = model.first_relu(model.first(image))
    pooled = model.pool(first)
    squares = model.second_relu(model.second(pooled)) ** 2
    held: Held = {}
    if from_layer == "output":
        means = share(model.head, squares.flatten(2).mean(2), rule, start, "head")
        held["second"] = share(lambda x: x.flatten(2).mean(2), squares, rule, means, "mean")
    else:
        held[from_layer] = start
    if "second" in held:
        held["first_relu"] = to_winners(first, share(model.second, pooled, rule, held["second"], "second"))
    held["image"] = share(model.first, image, rule, held["first_relu"], "first")
    return held


def _segmenter(model: Any, image: Tensor, rule: Rule, start: Tensor, from_layer: str) -> Held:
    first = model.first_relu(model.first(image))
    pooled = model.pool(first)
    second = model.second_relu(model.second(pooled))
    merged_in = torch.cat([first, _repeated(second, first)], 1)
    held: Held = {}
    skipped = torch.zeros_like(first)
    if from_layer == "output":
        merged = model.merge_relu(model.merge(merged_in))
        both = share(model.merge, merged_in, rule, share(model.head, merged, rule, start, "head"), "merge")
        skipped, fine = both[:, : first.shape[1]], both[:, first.shape[1] :]
        held["second"] = torch.zeros_like(second)
        for place in torch.cartesian_prod(*(torch.arange(n) for n in first.shape[2:])).tolist():
            coarse = [p * n // m for p, n, m in zip(place, second.shape[2:], first.shape[2:], strict=True)]
            held["second"][(..., *coarse)] += fine[(..., *place)]
    else:
        held[from_layer] = start
    if "second" in held:
        held["first_relu"] = skipped + to_winners(first, share(model.second, pooled, rule, held["second"], "second"))
    held["image"] = share(model.first, image, rule, held["first_relu"], "first")
    return held


def _repeated(coarse: Tensor, fine: Tensor) -> Tensor:
    return nn.functional.interpolate(coarse, size=fine.shape[2:], mode="nearest")


def share(operation: Callable[[Tensor], Tensor], x: Tensor, rule: Rule, held: Tensor, name: str) -> Tensor:
    """A weighted sum's rule on its matrix, whose columns are the operation's answers to single inputs of 1."""
    units = torch.eye(x.numel()).view(x.numel(), *x.shape[1:])
    bias = operation(torch.zeros_like(x)).flatten()
    matrix = (operation(units).flatten(1) - bias).T
    return rule(matrix, x.flatten(), bias, held.flatten(), name).view_as(x)


def to_winners(x: Tensor, held: Tensor) -> Tensor:
    """What max-pooled units of 2 voxels a side hold goes to the largest of them."""
    result = torch.zeros_like(x)
    for place in torch.cartesian_prod(*(torch.arange(n) for n in held.shape)).tolist():
        window = (*place[:2], *(slice(2 * i, 2 * i + 2) for i in place[2:]))
        flat = result[window].flatten()
        flat[x[window].flatten().argmax()] = held[tuple(place)]
        result[window] = flat.view_as(result[window])
    return result


def at(held: Held, model: nn.Module, layer: nn.Module | None) -> Tensor:
    """What the place holds that is explained, without a batch axis."""
    name = "image" if layer is None else next(n for n in ("first_relu", "second") if model.get_submodule(n) is layer)
    return held[name][0]
