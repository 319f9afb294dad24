"""The independent check of the matching: what the autograd graph holds that no rule made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from torch.autograd.graph import Node

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules.activations import is_python, node_name
from torchesegeta.rules.base import Rule
from torchesegeta.rules.programs import IN_PIECES
from torchesegeta.rules.ruled import is_ruled

ATTENTION = "attention compares activations with each other, and this rule has no share for that"
HINTS = {
    **dict.fromkeys(("ScaledDotProductFlashAttentionForCpu", "ScaledDotProductAttentionMath", "Bmm"), ATTENTION),
    "CheckpointFunction": "gradient checkpointing runs it again unseen; switch checkpointing off",
    "CompiledFunction": "compiled code hides its operations; give the model as it was before torch.compile",
    IN_PIECES: "export the program without run_decompositions()",
}
"""What helps, by a part of the operation's name."""
ELSE = "use a gradient or mask method, or allow plain gradients there with 'unknown': 'gradient'"

TREATED = "there the gradient is plain, of operations in pieces that of the pieces"


def audit(rule: Rule, ends: Iterable[Node | None], start: Node | None) -> Counter[str]:
    """Walk the graph from its ends to the image and count what the rule should have taken, by name.

    Args:
        rule: The rule of the pass.
        ends: Nodes of the output.
        start: Node of the image: what does not lead to it does not matter.
    """
    return Counter(
        node_name(node) for node, inputs in _inputs(ends, start).items() if inputs and _escaped(rule, node, inputs)
    )


def judge(rule: Rule, matched: Mapping[str, int], unknown: Mapping[str, int]) -> str | None:
    """Whether a pass was the rule's, by what it took over and what it did not know.

    Args:
        rule: The rule of the pass.
        matched: How many operations it took over, by name.
        unknown: How many it should have, by name.

    Returns:
        What the reader of the maps must know, or None.

    Raises:
        IncompatibleError: With the operations by name, unless their plain gradient is allowed.
    """
    listed = ", ".join(f"{name} ({count}×)" if count > 1 else name for name, count in sorted(unknown.items()))
    if rule.unknown == "refuse" and listed:
        hint = next((hint for part, hint in HINTS.items() if part in listed), ELSE)
        raise IncompatibleError(f"{rule.name} has no rule for {listed} in this model: {hint}")
    plain = not matched and not rule.may_match_nothing
    if rule.unknown == "refuse" and plain:
        raise IncompatibleError(f"{rule.name} found no activation to act on in this model; its map would be plain")
    said = [f"{rule.name} found no activation to act on: the gradient is plain"] if plain else []
    said += [f"{rule.name} has no rule for {listed}: {TREATED}"] if listed else []
    return "; ".join(said) or None


def _escaped(rule: Rule, node: Node, inputs: int) -> bool:
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
