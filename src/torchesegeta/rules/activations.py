"""Which operations are activations, and which autograd nodes they leave when no rule takes them."""

from __future__ import annotations

import re

from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from torchesegeta.rules.calls import Call

ACTIVATIONS = frozenset(
    {
        "relu", "relu6", "leaky_relu", "prelu", "_prelu_kernel", "rrelu", "rrelu_with_noise", "elu", "selu", "celu",
        "gelu", "silu", "mish", "hardswish", "hardtanh", "hardsigmoid", "softplus", "sigmoid", "tanh", "logsigmoid",
        "hardshrink", "softshrink", "threshold", "clamp", "clamp_min", "clamp_max",
    }
)  # fmt: skip
"""Elementwise functions with one input, all of them after descent into their Python parts."""

NODES = frozenset(
    {
        "Relu", "Relu6", "LeakyRelu", "PreluKernel", "Prelu", "RreluWithNoise", "RreluWithNoiseFunctional",
        "Elu", "Celu", "Selu", "Gelu", "Silu",
        "Mish", "Hardswish", "Hardtanh", "Hardsigmoid", "Softplus", "Sigmoid", "Tanh", "LogSigmoid", "Hardshrink",
        "Softshrink", "Threshold", "Clamp", "ClampMin", "ClampMax", "Maximum", "Minimum",
    }
)  # fmt: skip


def node_name(node: Node) -> str:
    """The operation of a node: `Relu` for `ReluBackward0`."""
    name = type(node).__name__ if is_python(node) else node.name()
    return re.sub(r"Backwards?\d*$", "", name.split("::")[-1])


def is_python(node: Node) -> bool:
    """Whether a node is an autograd function written in Python."""
    return issubclass(type(node), BackwardCFunction)


def activation_input(call: Call) -> Tensor | None:
    """The input of an activation; None for other calls, and for bounds that are tensors themselves."""
    if call.name not in ACTIVATIONS or call.operand is None:
        return None
    bounds = (*call.arguments[1:], *call.options.values())
    if call.name.startswith("clamp") and any(isinstance(bound, Tensor) for bound in bounds):
        return None
    return call.operand
