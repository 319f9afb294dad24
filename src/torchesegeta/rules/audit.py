"""The independent check of the matching: what the autograd graph holds that no rule made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from torch.autograd.graph import Node

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules.activations import is_python, node_name
from torchesegeta.rules.base import Rule
from torchesegeta.rules.ruled import is_ruled

ATTENTION = "attention compares activations with each other, and this rule has no share for that"
HINTS = {
    **dict.fromkeys(("ScaledDotProductFlashAttentionForCpu", "ScaledDotProductAttentionMath", "Bmm"), ATTENTION),
    "CheckpointFunction": "gradient checkpointing runs it again unseen; switch checkpointing off",
    "CompiledFunction": "compiled code hides its operations; give the model as it was before torch.compile",
}


def audit(rule: Rule, ends: Iterable[Node | None], start: Node | None) -> None:
    """Walk the graph from its ends to the image and refuse what the rule should have taken.

    Args:
        rule: The rule of the pass.
        ends: Nodes of the output.
        start: Node of the image: what does not lead to it does not matter.

    Raises:
        IncompatibleError: With the operations, by name.
    """
    found = Counter(
        node_name(node) for node, inputs in _inputs(ends, start).items() if inputs and _refused(rule, node, inputs)
    )
    if not found:
        return
    listed = ", ".join(f"{name} ({count}×)" if count > 1 else name for name, count in sorted(found.items()))
    hint = next((hint for name, hint in HINTS.items() if name in found), "use a gradient or mask method")
    raise IncompatibleError(f"{rule.name} has no rule for {listed} in this model: {hint}")


def _refused(rule: Rule, node: Node, inputs: int) -> bool:
    if is_ruled(node):
        return False
    return is_python(node) or rule.forbids(node, inputs)


def _inputs(ends: Iterable[Node | None], start: Node | None) -> dict[Node, int]:
    """Every node behind the ends, and how many of its inputs lead to the start."""
    counts: dict[Node, int] = {}
    open_nodes: set[Node] = set()
    stack = [(node, False) for node in ends if node is not None]
    while stack:
        node, visited = stack.pop()
        if visited:
            counts[node] = sum(1 for n, _ in node.next_functions if n is not None and (n is start or counts.get(n)))
            continue
        if node in open_nodes or node is start:
            continue
        open_nodes.add(node)
        stack.append((node, True))
        stack.extend((n, False) for n, _ in node.next_functions if n is not None and n not in open_nodes)
    return counts
