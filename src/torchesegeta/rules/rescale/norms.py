"""Norms that divide by their own input's deviation: u = x − mean, s = √(var + ε), y = u / s.

With bars for the mean of image and baseline, Δu = s̄ Δy + ȳ Δs and Δs = Σ ū Δu / (n s̄) hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from torchesegeta.rules.base import Backward, NoRule, Step
from torchesegeta.rules.calls import Call

EPSILON = 1e-5
NORMS = frozenset(
    {"instance_norm", "group_norm", "layer_norm", "native_group_norm", "native_layer_norm", "_native_batch_norm_legit"}
)
"""Their names, also in decomposed programs."""


def step(call: Call) -> Step | None:
    """The step of an instance, group or layer norm, or None.

    Raises:
        NoRule: A batch norm takes its statistics from the batch.
    """
    x = call.operand
    if x is None:
        return None
    match call.name:
        case "instance_norm" if call.argument(5, "use_input_stats", True):
            weight, epsilon = call.argument(1, "weight"), call.argument(7, "eps", EPSILON)
            return Step((x,), _normalised(call, lambda t: t.flatten(2), _by_channel(weight, x), epsilon))
        case "group_norm":
            groups, weight = call.argument(1, "num_groups"), _by_channel(call.argument(2, "weight"), x)
            epsilon = call.argument(4, "eps", EPSILON)
            return Step((x,), _normalised(call, lambda t: t.reshape(len(t), groups, -1), weight, epsilon))
        case "layer_norm":
            axes, weight = len(call.argument(1, "normalized_shape")), call.argument(2, "weight")
            return Step((x,), _normalised(call, lambda t: t.flatten(-axes), weight, call.argument(4, "eps", EPSILON)))
        case "batch_norm" if call.argument(5, "training", False):
            raise NoRule("DeepLIFT has no rule for a batch norm without running statistics")
        case "native_group_norm":
            groups, weight = call.arguments[6], _by_channel(call.argument(1, "weight"), x)
            return Step((x,), _normalised(call, lambda t: t.reshape(len(t), groups, -1), weight, call.arguments[7]))
        case "native_layer_norm":
            axes, weight = len(call.arguments[1]), call.argument(2, "weight")
            return Step((x,), _normalised(call, lambda t: t.flatten(-axes), weight, call.arguments[4]))
        case "_native_batch_norm_legit" if call.arguments[3] is True and len(x) == 1:
            # Without running statistics: what a decomposed program makes of an instance norm, all images in one.
            weight = _by_channel(call.argument(1, "weight"), x)
            return Step((x,), _normalised(call, lambda t: t.flatten(2), weight, call.arguments[5]))
    return None


def _by_channel(weight: Tensor | None, x: Tensor) -> Tensor | None:
    return None if weight is None else weight.view(1, -1, *[1] * (x.ndim - 2))


def _normalised(
    call: Call, rows: Callable[[Tensor], Tensor], weight: Tensor | None, epsilon: float
) -> Callable[..., tuple[Tensor, Backward]]:
    """The step, for an input whose `rows` are normalised along the last axis."""
    scale = None if weight is None else weight.detach()

    def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
        (u, s), (u0, s0) = (_centred(rows(t), epsilon) for t in inputs)
        deviation, output = (s + s0) / 2, (u / s + u0 / s0) / 2
        pull = (u + u0) / (2 * u.shape[-1] * deviation)

        def back(g: Tensor) -> list[Tensor]:
            shares = rows(g if scale is None else g * scale)
            of_deviation = -(shares * output).sum(-1, keepdim=True) / deviation
            centred = shares / deviation + of_deviation * pull
            return [(centred - centred.mean(-1, keepdim=True)).view_as(g)]

        return call.on(inputs[0]), back

    return run


def _centred(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    u = x - x.mean(-1, keepdim=True)
    return u, torch.sqrt(u.square().mean(-1, keepdim=True) + epsilon)
