"""Guided backpropagation: max(0, f′(x) · max(g, 0)) (Springenberg et al. 2015, arXiv:1412.6806)."""

from __future__ import annotations

from dataclasses import dataclass
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

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        source = activation_input(call)
        if source is None:
            return None

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            x = inputs[0].requires_grad_(True)
            with torch.enable_grad():
                y = call.on(x)
            return y.detach(), lambda g: [torch.autograd.grad(y, x, g.relu(), retain_graph=True)[0].relu()]

        return Step((source,), run)

    def forbids(self, node: Node, inputs: int) -> bool:
        """Activations that it did not take."""
        return node_name(node) in NODES
