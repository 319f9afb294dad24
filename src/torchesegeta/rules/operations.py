"""How rules that share out a sum see an operation: what is weighed, averaged, added, or only passed on.

Relevance and excitation are not slopes: they are divided among what an operation adds up. During a ruled pass only
what depends on the image requires a gradient, which tells activations from weights.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, constant_pad_nd
from torch.autograd.graph import Node

from torchesegeta.rules.activations import activation_input, node_name
from torchesegeta.rules.calls import Call
from torchesegeta.rules.ruled import is_ruled, operation_of

Weigh = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""From an input, weights and bias to the operation's output."""

MOVES = re.compile(
    r"(Add|Sub|Clone|Alias|Copy|CopySlices|ToCopy|Identity|AccumulateGrad|Contiguous|"
    r"View|UnsafeView|ReshapeAlias|Reshape|AsStrided|T|Transpose|Permute|Swapaxes|Movedim|Squeeze|Unsqueeze|Expand|"
    r"Cat|Stack|Split|SplitWithSizes|UnsafeSplit|UnsafeSplitWithSizes|Unbind|Slice|Select|Index|IndexSelect|Gather|"
    r"Narrow|Diagonal|Repeat|Roll|Flip|Rot90|Unfold|Im2Col|ConstantPadNd|(Reflection|Replication)Pad[123]D|"
    r"PixelShuffle|PixelUnshuffle|ChannelShuffle|MaskedFill|MaskedSelect|UpsampleNearest(Exact)?[123]D|"
    r"(Adaptive)?MaxPool[123]D(WithIndices)?|MkldnnMaxPool[23]D|Fill|Zero|IndexPut|SelectScatter|SliceScatter)"
)
"""Autograd nodes whose own backward step moves a share to where it came from; max-pools give it to the winner."""

CONVOLUTIONS = frozenset(
    {f"conv{kind}{n}d" for kind in ("", "_transpose") for n in (1, 2, 3)} | {"convolution", "_convolution"}
)
WEIGHTED: dict[str, tuple[tuple[str, str, str], tuple[int, int, int]]] = {
    **dict.fromkeys(CONVOLUTIONS | {"linear"}, (("input", "weight", "bias"), (0, 1, 2))),
    "addmm": (("mat1", "mat2", "input"), (1, 2, 0)),
    **dict.fromkeys(("mm", "bmm"), (("input", "mat2", ""), (0, 1, -1))),
    "matmul": (("input", "other", ""), (0, 1, -1)),
}
"""Names and positions of input, weights and bias."""

AVERAGES = frozenset(
    {f"{kind}avg_pool{n}d" for kind in ("", "adaptive_", "_adaptive_") for n in (1, 2, 3)}
    | {"mean", "sum", "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"}
)
"""Sums with weights that are fixed and not negative."""

RISING = frozenset(
    {"softmax", "log_softmax", "exp", "expm1", "log", "log1p", "sqrt", "square", "abs", "erf", "atan", "sinh"}
)
"""Functions besides the activations that do not fall on inputs that are not negative."""


GATES = frozenset({"sigmoid", "hardsigmoid", "softmax"})
"""What makes factors between 0 and 1."""


@dataclass(frozen=True, eq=False)
class Weighted:
    """A sum of inputs times weights.

    Attributes:
        x: The input that depends on the image.
        weight: The weights.
        bias: Added to the sum, or None.
        run: The operation, for other inputs, weights and biases.
        kind: `convolution` or `linear`.
        held: 1 where the input holds something, 0 where it was padded just before; broadcasts over the input.
    """

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    run: Weigh
    kind: str
    held: Tensor


def depends(value: Any) -> bool:
    """Whether a value is a tensor that depends on the image; leaves of the graph are weights."""
    return isinstance(value, Tensor) and value.grad_fn is not None


def weighted(call: Call) -> Weighted | None:
    """The call as a weighted sum; None for others, and where the weights depend on the image too."""
    if call.name not in WEIGHTED or call.options.keys() & {"alpha", "beta", "out"}:
        return None
    names, places = WEIGHTED[call.name]
    x, weight, bias = (call.argument(p, n) if n else None for n, p in zip(names, places, strict=True))
    if call.name in ("mm", "bmm", "matmul") and not depends(x):  # weights on the left
        x, weight, names, places = weight, x, (names[1], names[0], ""), (1, 0, -1)
    if not isinstance(x, Tensor) or not isinstance(weight, Tensor):
        return None
    if not depends(x) or depends(weight) or depends(bias):
        return None

    def run(*replaced: Tensor | None) -> Tensor:
        arguments, options = list(call.arguments), dict(call.options)
        for name, place, value in zip(names, places, replaced, strict=True):
            if 0 <= place < len(arguments):
                arguments[place] = value
            elif name in options:
                options[name] = value
        if call.name == "addmm" and replaced[2] is None:
            arguments[0] = torch.zeros((), dtype=weight.dtype, device=weight.device)
        result: Tensor = call.function(*arguments, **options)
        return result

    kind = "convolution" if call.name in CONVOLUTIONS else "linear"
    bias = bias.detach() if isinstance(bias, Tensor) else None
    return Weighted(x, weight.detach(), bias, run, kind, _unpadded(x))


def _unpadded(x: Tensor) -> Tensor:
    """1 where a tensor holds something, 0 where it was padded with a constant just before."""
    node: Any = x.grad_fn
    if node is None or node_name(node) != "ConstantPadNd":
        return x.new_ones(())
    before, after = node._saved_pad[::2], node._saved_pad[1::2]
    sizes = [n - b - a for n, b, a in zip(reversed(x.shape), before, after, strict=False)]
    return constant_pad_nd(x.new_ones(sizes[::-1]), node._saved_pad)


def average(call: Call) -> Tensor | None:
    """The input of a sum with fixed weights that are not negative."""
    return call.operand if call.name in AVERAGES and depends(call.operand) else None


def summands(call: Call) -> tuple[Tensor, Tensor, float] | None:
    """The two activations of `a + factor · b`."""
    if call.name not in ("add", "sub", "rsub"):
        return None
    a, b = call.argument(0, "input"), call.argument(1, "other")
    if call.name == "rsub":
        a, b = b, a
    factor = call.argument(2, "alpha", 1)
    return (a, b, factor if call.name == "add" else -factor) if depends(a) and depends(b) else None


def scaled(call: Call) -> tuple[Tensor, Any] | None:
    """The activation and the constant that it is multiplied by or divided by; −1 for `-x` and `1 - x`."""
    a, b = call.argument(0, "input"), call.argument(1, "other")
    match call.name:
        case "neg" | "negative" if depends(a):
            return a, -1
        case "rsub" if depends(a) and not depends(b):
            return a, -1
        case "sub" if depends(b) and not depends(a):
            return b, -1
        case "mul" | "div" if depends(a) and not depends(b) and not call.options.get("rounding_mode"):
            return a, b
        case "mul" if depends(b) and not depends(a):
            return b, a
    return None


def gated(call: Call) -> tuple[Tensor, Tensor] | None:
    """Signal and gate of a product of two activations, one of which was made to be one: by a sigmoid, say."""
    a, b = call.argument(0, "input"), call.argument(1, "other")
    if call.name != "mul" or not depends(a) or not depends(b):
        return None
    gates = [_origin(t) in GATES for t in (a, b)]
    if gates[0] == gates[1]:
        return None
    return (b, a) if gates[0] else (a, b)


def _origin(tensor: Tensor) -> str | None:
    """The operation that made a tensor, before it was moved about."""
    node = tensor.grad_fn
    while node is not None and not is_ruled(node) and is_move(node, 1) and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    return operation_of(node)


def substituted(call: Call, old: Tensor, new: Tensor) -> Any:
    """The call's result with another tensor in place of one of its inputs; both are left as they are."""
    new = new.clone() if call.in_place else new
    given = [new if value is old else value for value in call.arguments]
    options = {name: new if value is old else value for name, value in call.options.items()}
    return call.function(*given, **options)


def passed_on(call: Call) -> Tensor | None:
    """The input of an activation function: what has one input hands all on to it. Softmax counts as one."""
    rising = call.name in RISING or (call.name == "pow" and _is_positive(call.argument(1, "exponent")))
    if rising and depends(call.operand):
        return call.operand
    source = activation_input(call)
    return source if depends(source) else None


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and value > 0


def is_move(node: Node, inputs: int) -> bool:
    """Whether a node without a rule shares nothing out: it moves shares, or adds a constant."""
    name = node_name(node)
    return MOVES.fullmatch(name) is not None and (inputs <= 1 or name not in ("Add", "Sub"))
