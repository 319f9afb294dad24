"""A forward pass under a rule: the baseline's tape first, then the image, audited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from torchesegeta.errors import IncompatibleError
from torchesegeta.rules import Rule, RuleMode, Tape, audit, check_model, check_output, in_pieces, judge, started, under
from torchesegeta.sweeps.capture import Capture
from torchesegeta.sweeps.passes import finite_scores, forward_pass
from torchesegeta.sweeps.session import Session


@dataclass
class RuledPass:
    """What a pass under a rule yields.

    Attributes:
        output: Raw output.
        capture: Records of layers.
        scores: (B, K), where they were asked for.
        matched: How many operations the rule took over, by name.
        note: What it did not know, where that is allowed, or None.
        before: Records of layers at the baselines of a rule that needs them.
    """

    output: Tensor
    capture: Capture
    scores: Tensor | None
    matched: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    before: Capture | None = None


def ruled_pass(
    session: Session, batch: Tensor, reference: Tensor | None, layers: Sequence[str], rule: Rule, *, scored: bool
) -> RuledPass:
    """Run a batch forward under a rule.

    Args:
        session: The image before a model.
        batch: (B, C, *spatial); set to require a gradient.
        reference: (B, C, *spatial), the baselines of a rule that needs them.
        layers: To record.
        rule: What changes.
        scored: Whether scores are wanted.

    Raises:
        IncompatibleError: The rule matches nothing, or does not see or know all that it should.
    """
    check_model(rule, session.runner.model)
    if rule.shares_out and scored and not session.bound.linear:
        raise IncompatibleError(
            f"{rule.name} shares out a score that is linear in the model's output: explain logits of a fixed region"
        )
    tape, before = (None, None) if reference is None else _tape(session, reference, layers, rule)
    mode = RuleMode(rule, tape)
    with under(mode), frozen(session.runner.model):
        output, capture = forward_pass(session, batch, layers, scored=True)
        assert output is not None
        matched = dict(mode.matched)
        scores = finite_scores(session, output) if scored and rule.needs_baseline else None
    if tape is not None:
        tape.check_empty()
    if rule.shares_out:
        output = started(output, rule.start)
    if scores is None and scored:
        scores = finite_scores(session, output)
    ends = [output.grad_fn if scores is None else scores.grad_fn if rule.needs_baseline else output.grad_fn]
    unknown = mode.unknown + in_pieces(rule, session.runner.model) + audit(rule, ends, get_gradient_edge(batch).node)
    return RuledPass(output, capture, scores, matched, judge(rule, matched, unknown), before)


@torch.no_grad()
def _tape(session: Session, reference: Tensor, layers: Sequence[str], rule: Rule) -> tuple[Tape, Capture]:
    tape, capture = Tape(), Capture(layers, session.runner.calls)
    with under(RuleMode(rule, tape, recording=True)), capture.watching(session.runner.model):
        scores = finite_scores(session, session.runner.forward(reference, session.image.extras))
    session.remember(reference, scores)
    return tape, capture


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Only what depends on the image requires a gradient: that is how rules tell activations from weights."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def check_against_plain(session: Session, rule: Rule, batch: Tensor, output: Tensor) -> None:
    """Compare the output of a ruled pass with that of a plain one.

    Raises:
        IncompatibleError: They differ.
    """
    first = batch[:1].detach()
    if session.output is not None and torch.equal(first[0], session.data):
        plain = session.output
    else:
        with torch.no_grad():
            plain = session.runner.forward(first, session.image.extras)
    check_output(rule, output[:1], plain)
