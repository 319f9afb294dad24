"""DeepLIFT's reveal-cancel rule on the twins' plain networks, neuron by neuron (Shrikumar et al. 2017, section 3.5.3).

Every change is a pair (rise, fall). Each operation is written as a linear function of both, with the paper's
coefficients as constants; autograd then multiplies the coefficients along the way. In double precision: where states
tie, rounding decides.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from .nets import Classifier, Segmenter
from .record import Score


@dataclass
class Change:
    """A tensor at the baseline and at the image, and what rises and falls on the way."""

    start: Tensor
    end: Tensor
    rise: Tensor
    fall: Tensor

    @property
    def total(self) -> Tensor:
        return self.rise + self.fall

    def each(self, function: Callable[[Tensor], Tensor]) -> Change:
        """Operations that move or average."""
        return Change(*(function(t) for t in (self.start, self.end, self.rise, self.fall)))


@dataclass
class Walk:
    """The network, operation by operation; keeps the changes at its modules."""

    kept: dict[nn.Module, Change] = field(default_factory=dict)

    def keep(self, module: nn.Module, change: Change) -> Change:
        self.kept[module] = change
        return change

    def convolve(self, layer: Any, x: Change) -> Change:
        width, pad = layer.kernel_size, layer.padding
        dims = len(width)
        around = [p for n in reversed(pad) for p in (n, n)]

        def patches(t: Tensor) -> Tensor:
            padded = nn.functional.pad(t, around)
            for axis, n in enumerate(width):
                padded = padded.unfold(2 + axis, n, 1)
            return padded.movedim(1, 1 + dims).flatten(1 + dims)  # (1, *places, channels and offsets)

        parts = self.matrix(layer.weight.flatten(1), patches(x.end - x.start), patches(x.total))
        return self.keep(layer, Change(layer(x.start), layer(x.end), *(t.movedim(-1, 1) for t in parts)))

    def linear(self, layer: nn.Linear, x: Change) -> Change:
        return self.keep(
            layer, Change(layer(x.start), layer(x.end), *self.matrix(layer.weight, x.end - x.start, x.total))
        )

    def matrix(self, weight: Tensor, change: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Total is the change too, and knows its parts; where those cancel only the change is zero to the last bit."""
        contributions = weight * total[..., None, :]
        sign = (weight * change[..., None, :]).sign()
        return (contributions * (1 + sign) / 2).sum(-1), (contributions * (1 - sign) / 2).sum(-1)

    def activate(self, function: Callable[[Tensor], Tensor], x: Change) -> Change:
        start, rise, fall = x.start, x.rise.detach(), x.fall.detach()
        up = (function(start + rise) - function(start) + function(start + rise + fall) - function(start + fall)) / 2
        down = (function(start + fall) - function(start) + function(start + rise + fall) - function(start + rise)) / 2
        above, below = (x.rise - rise) * _ratio(up, rise), (x.fall - fall) * _ratio(down, fall)
        return Change(function(start), function(x.end), up + above, down + below)

    def pool(self, x: Change) -> Change:
        """Windows two wide: the mean over both orders of what each part does, given to the voxel that made it."""
        before, after = x.start, x.end
        with_rise, with_fall = x.start + x.rise.detach(), x.start + x.fall.detach()
        shape = (*x.start.shape[:2], *(n // 2 for n in x.start.shape[2:]))
        start, end, rise, fall = (x.start.new_zeros(shape) for _ in range(4))
        for place in product(*(range(n) for n in shape)):
            window: Any = (*place[:2], *(slice(2 * i, 2 * i + 2) for i in place[2:]))
            a, b, c, d = (t[window].flatten() for t in (before, with_rise, with_fall, after))
            up, down = x.rise[window].flatten(), x.fall[window].flatten()
            start[place], end[place] = a.max(), d.max()
            rise[place] = (_moved(up, a, b) + _moved(up, c, d)) / 2
            fall[place] = (_moved(down, a, c) + _moved(down, b, d)) / 2
        return Change(start, end, rise, fall)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below == 0, 0, above / torch.where(below == 0, 1, below))


def _moved(part: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The maximum's change between two states, as a multiple of the part at the voxel that made it."""
    change = high.max() - low.max()
    voxel = (high if change > 0 else low).argmax()
    return part[voxel] * _ratio(change, (high - low)[voxel])


def contributions(score: Score, image: Tensor, start: Tensor, model: nn.Module, layer: nn.Module | None) -> Tensor:
    """All in double precision.

    Args:
        score: Linear in the network's output.
        image: (1, C, *spatial).
        start: The baseline.
        model: One of the twins' networks.
        layer: Of the model, or None.
    """
    weight = _output_weight(score, image, model)
    assert bool((weight >= 0).all())
    name = next((n for n, module in model.named_modules() if module is layer), None)
    net = deepcopy(model).double()
    at = None if name is None else net.get_submodule(name)
    return _contributions(net, image.double(), start.double(), weight.double(), at).float()


def _contributions(model: nn.Module, image: Tensor, start: Tensor, weight: Tensor, layer: nn.Module | None) -> Tensor:
    change = image - start
    rise, fall = (t.requires_grad_(True) for t in (change.clamp(min=0), change.clamp(max=0)))
    walk, source = Walk(), Change(start, image, rise, fall)
    output = _classify(walk, model, source) if isinstance(model, Classifier) else _segment(walk, model, source)
    at = source if layer is None else walk.kept[layer]
    up, down = torch.autograd.grad((output.total * weight).sum(), [at.rise, at.fall])
    return (up * at.rise + down * at.fall).detach()[0]


def _output_weight(score: Score, image: Tensor, model: nn.Module) -> Tensor:
    kept: list[Tensor] = []
    handle = model.register_forward_hook(lambda _m, _i, output: kept.append(output))
    value = score(image)
    handle.remove()
    return torch.autograd.grad(value, kept[0])[0]


def _classify(walk: Walk, net: Classifier, x: Change) -> Change:
    hidden = walk.pool(walk.keep(net.first_relu, walk.activate(torch.relu, walk.convolve(net.first, x))))
    hidden = walk.activate(torch.relu, walk.convolve(net.second, hidden))
    squares = walk.activate(torch.square, hidden)
    return walk.linear(net.head, squares.each(lambda t: t.flatten(2).mean(2)))


def _segment(walk: Walk, net: nn.Module, x: Change) -> Change:
    assert isinstance(net, Segmenter)
    fine = walk.keep(net.first_relu, walk.activate(torch.relu, walk.convolve(net.first, x)))
    coarse = walk.activate(torch.relu, walk.convolve(net.second, walk.pool(fine)))
    size = fine.start.shape[2:]
    coarse = coarse.each(lambda t: nn.functional.interpolate(t, size=size, mode="nearest"))
    both = [torch.cat([getattr(c, part) for c in (fine, coarse)], 1) for part in ("start", "end", "rise", "fall")]
    return walk.convolve(net.head, walk.activate(torch.relu, walk.convolve(net.merge, Change(*both))))
