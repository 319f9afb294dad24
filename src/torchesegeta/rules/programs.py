"""Operations that an exported program holds in pieces, so that no rule meets them as a whole."""

from __future__ import annotations

from collections import Counter, defaultdict

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.fx import Graph, Node

from torchesegeta.models import graphs
from torchesegeta.rules.activations import ACTIVATIONS
from torchesegeta.rules.base import Rule
from torchesegeta.rules.calls import plain_name

IN_PIECES = "in pieces"
FORGOTTEN = "something"

LINEAR = frozenset(
    {
        "alias", "clone", "contiguous", "copy", "detach", "expand", "permute", "repeat", "reshape", "select", "slice",
        "squeeze", "t", "to", "_to_copy", "transpose", "unsqueeze", "_unsafe_view", "view",
        "_native_batch_norm_legit_no_training",
    }
)  # fmt: skip
"""What may stand beside the one operation of a call."""
DECOMPOSED = frozenset({"convolution", "addmm", "mm", "_native_batch_norm_legit_no_training"})
"""What stands in decomposed programs only, or nearly so."""


def in_pieces(rule: Rule, model: nn.Module) -> Counter[str]:
    """What `run_decompositions` took apart though the rule acts on the whole, or on a piece by itself; by name.

    The nodes of a program remember the function that was called when it was made. A decomposed program whose nodes do
    not is unknown altogether.
    """
    calls = [call for graph in graphs(model) for call in _calls(graph)]
    return Counter(f"{origin} {IN_PIECES}" for origin, pieces in calls if _matters(rule, origin, pieces))


def _matters(rule: Rule, origin: str, pieces: list[str]) -> bool:
    if origin == FORGOTTEN:
        return not DECOMPOSED.isdisjoint(pieces)
    if origin in rule.takes:
        return bool(pieces) and (len(pieces) > 1 or pieces[0] not in rule.takes)
    return len(pieces) > 1 and hasattr(torch.ops.aten, origin) and not ACTIVATIONS.isdisjoint(pieces)


def _calls(graph: Graph) -> list[tuple[str, list[str]]]:
    """The functions that were called, and the operations that stand for each: `silu` and `sigmoid`, `mul`."""
    calls: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for node in graph.nodes:
        if _computes(node):
            origin = node.meta.get("torch_fn", (FORGOTTEN, FORGOTTEN))
            calls[origin].append(_name(node.target._schema.name.rpartition("::")[2]))
    return [
        (_name(path.rpartition(".")[2]), [name for name in pieces if name not in LINEAR])
        for (_, path), pieces in calls.items()
    ]


def _name(name: str) -> str:
    name, _ = plain_name(name)
    return name.removeprefix("_") if name.removeprefix("_") in ACTIVATIONS else name


def _computes(node: Node) -> bool:
    """Whether a node makes floating point numbers from other nodes."""
    value = node.meta.get("val")
    value = value[0] if isinstance(value, list | tuple) and value else value
    floating = isinstance(value, Tensor) and value.is_floating_point()
    return isinstance(node.target, OpOverload) and floating and bool(node.all_input_nodes)
