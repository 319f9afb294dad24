"""Guided backpropagation: max(0, f′(x) · max(g, 0)) (Springenberg et al. 2015, arXiv:1412.6806)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.rules.activations import NODES, activation_input, node_name
from torchesegeta.rules.base import Backward, Rule, Step
from torchesegeta.rules.calls import Call


@dataclass(frozen=True)
class Guided(Rule):
    """On a ReLU the published rule, relu(g) · [x > 0]; on any other activation its natural continuation."""

    name: ClassVar[str] = "guided backpropagation"
    keeps_output: ClassVar[bool] = True
    half_safe: ClassVar[bool] = True

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        source = activation_input(call)
        if source is None:
            return None

        if call.name == "relu":
            return Step((source,), partial(_relu, call))

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            x = inputs[0].requires_grad_(True)
            with torch.enable_grad():
                y = call.on(x)
            return y.detach(), lambda g: [torch.autograd.grad(y, x, g.relu(), retain_graph=True)[0].relu_()]

        return Step((source,), run)

    def forbids(self, node: Node, inputs: int) -> bool:
        """Activations that it did not take."""
        return node_name(node) in NODES


def _relu(call: Call, x: Tensor) -> tuple[Tensor, Backward]:
    """The same where f′ is 0 or 1: what ReLU's own step lets through, rectified."""
    y = call.on(x)
    passed, version = y.detach(), y._version

    def back(g: Tensor) -> list[Tensor]:
        if passed._version != version:
            raise RuntimeError("a ReLU's output was changed in place, and its gradient needs it")
        return [torch.ops.aten.threshold_backward(g, passed, 0).relu_()]

    return y, back
