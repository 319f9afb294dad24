"""Deconvolution: activations pass back max(g, 0), whatever they let through (Zeiler & Fergus 2014, arXiv:1311.2901)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.autograd.graph import Node

from torchesegeta.rules.activations import NODES, activation_input, node_name
from torchesegeta.rules.base import Backward, Rule, Step
from torchesegeta.rules.calls import Call


@dataclass(frozen=True)
class Deconvolution(Rule):
    """Every activation is met as if its backward step were a ReLU."""

    name: ClassVar[str] = "deconvolution"
    keeps_output: ClassVar[bool] = True
    half_safe: ClassVar[bool] = True

    def step(self, call: Call) -> Step | None:
        """See `Rule.step`."""
        source = activation_input(call)
        if source is None:
            return None

        def run(*inputs: Tensor) -> tuple[Tensor, Backward]:
            return call.on(inputs[0]), lambda g: [g.relu()]

        return Step((source,), run)

    def forbids(self, node: Node, inputs: int) -> bool:
        """Activations that it did not take."""
        return node_name(node) in NODES
