"""A forward pass under a rule: the baseline's tape first, then the image, audited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor
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
        start: Raw output there.
    """

    output: Tensor
    capture: Capture
    scores: Tensor | None
    matched: dict[str, int] = field(default_factory=dict)
    note: str | None = None
    before: Capture | None = None
    start: Tensor | None = None


def ruled_pass(
    session: Session,
    batch: Tensor,
    reference: Tensor | None,
    layers: Sequence[str],
    rule: Rule,
    opened: Callable[[Tensor], None],
    *,
    scored: bool,
) -> RuledPass:
    """Run a batch forward under a rule.

    Args:
        session: The image before a model.
        batch: (B, C, *spatial); set to require a gradient.
        reference: (B, C, *spatial), the baselines of a rule that needs them.
        layers: To record.
        rule: What changes.
        opened: Called with the raw output before anything is scored; the target is bound afterwards.
        scored: Whether scores are wanted.

    Raises:
        IncompatibleError: The rule matches nothing, or does not see or know all that it should.
    """
    check_model(rule, session.runner.model)
    if rule.shares_out and scored and not session.bound.linear:
        raise IncompatibleError(
            f"{rule.name} shares out a score that is linear in the model's output: explain logits of a fixed region"
        )
    tape = None if reference is None else Tape()
    recorder, mode = RuleMode(rule, tape, recording=True), RuleMode(rule, tape)
    start, before = (None, None) if reference is None else _at_baseline(session, reference, layers, recorder)
    with under(mode):
        output, capture = forward_pass(session, batch, layers, scored=True)
    assert output is not None
    matched = dict(mode.matched)
    opened(output)
    if rule.shares_out:
        output = started(output, session.starting(rule))
    end, scores = output, None
    if scored and reference is not None and start is not None:
        with torch.no_grad(), under(recorder) if session.rules_score else nullcontext():
            session.remember(reference, finite_scores(session, start))
        with under(mode) if session.rules_score else nullcontext():
            scores = finite_scores(session, output)
        end = scores if session.rules_score else output
    elif scored:
        scores = finite_scores(session, output)
    if tape is not None:
        tape.check_empty()
    escaped = audit(rule, [end.grad_fn], get_gradient_edge(batch).node)
    unknown = mode.unknown + in_pieces(rule, session.runner.model) + escaped
    return RuledPass(output, capture, scores, matched, judge(rule, matched, unknown), before, start)


def ruled_slopes(
    session: Session, rule: Rule, output: Tensor, start: Tensor, reference: Tensor, targets: Collection[int]
) -> dict[int, Tensor]:
    """What goes back from scores to outputs under a rule that compares with baselines.

    Args:
        session: The image before a model.
        rule: What changes.
        output: Raw output for the points, (B, C, ...).
        start: The same for their baselines.
        reference: (B, C, *spatial), the baselines: the scores there are remembered.
        targets: Numbers of the scores.

    Returns:
        By number of the score, each (B, C, ...).

    Raises:
        IncompatibleError: The score holds operations that the rule does not know.
    """
    tape = Tape()
    recorder, mode = RuleMode(rule, tape, recording=True), RuleMode(rule, tape)
    with torch.no_grad(), under(recorder):
        session.remember(reference, finite_scores(session, start))
    leaf = output.detach().requires_grad_()
    with torch.enable_grad():
        shown = leaf.view_as(leaf)  # leaves are weights to a rule
        with under(mode):
            scores = finite_scores(session, shown)
    tape.check_empty()
    judge(rule, mode.matched, mode.unknown + audit(rule, [scores.grad_fn], get_gradient_edge(leaf).node))
    return {k: torch.autograd.grad(scores[:, k].sum(), leaf, retain_graph=True)[0] for k in targets}


@torch.no_grad()
def _at_baseline(
    session: Session, reference: Tensor, layers: Sequence[str], recorder: RuleMode
) -> tuple[Tensor, Capture]:
    """The raw output and the records of layers at the baselines, with what the tape needs of them."""
    capture = Capture(layers, session.runner.calls)
    with under(recorder), capture.watching(session.runner.model):
        output = session.runner.forward(reference, session.image.extras)
    return output, capture


def check_against_plain(session: Session, rule: Rule, batch: Tensor, passed: RuledPass) -> None:
    """Compare the output of a ruled pass with that of a plain one, which is made where the rule may change it.

    Raises:
        IncompatibleError: They differ.
    """
    first, output = batch[:1].detach(), passed.output[:1]
    if rule.in_parts and passed.start is not None:
        first, output = session.data[None], passed.output[:2].sum(0, keepdim=True) - passed.start[:1]
    if session.output is not None and torch.equal(first[0], session.data):
        plain = session.output
    elif rule.keeps_output:
        return
    else:
        with torch.no_grad():
            plain = session.runner.forward(first, session.image.extras)
    check_output(rule, output, plain)
