"""The function mode: watches every operation of a forward pass and hands those that a rule names to its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from torchesegeta.errors import IncompatibleError
from torchesegeta.models import format_of
from torchesegeta.rules.base import NoRule, Rule, Step
from torchesegeta.rules.calls import Call, plainly, recognise
from torchesegeta.rules.checkpoints import without_checkpoints
from torchesegeta.rules.composites import inside, is_composite
from torchesegeta.rules.disguises import Disguises
from torchesegeta.rules.ruled import apply
from torchesegeta.rules.tape import Tape


class RuleMode(TorchFunctionMode):
    """Active during one forward pass.

    Args:
        rule: What changes.
        tape: The inputs of the same operations at a baseline: written where `recording`, else read.
        recording: Whether this is the baseline's pass.

    Attributes:
        matched: How many operations the rule took over, by name.
        unknown: How many it names but has no step for, by name; only where their plain gradient is allowed.
    """

    def __init__(self, rule: Rule, tape: Tape | None = None, *, recording: bool = False) -> None:
        super().__init__()
        self.rule, self.tape, self.recording = rule, tape, recording
        self.matched: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._steps, self._disguises = rule.opened(), Disguises()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every operation."""
        kwargs = kwargs or {}
        if is_composite(func):
            with self:
                return inside(func, args, kwargs)(*args, **kwargs)
        written = recognise(func, args, kwargs)
        call = self._disguises.unmask(written)
        pieces, step = self._way(call)
        if pieces is not None:
            with self:
                result = pieces()
            check_output(self.rule, result, plainly(call))
            return result
        if step is None:
            result = func(*args, **kwargs)
            self._disguises.note(call, result)
        else:
            self.matched[call.name] += 1
            if call is not written:
                check_output(self.rule, plainly(call), plainly(written))
            result = self._ruled(call, step)
        self._steps.seen(call, result)
        return result

    def _way(self, call: Call) -> tuple[Callable[[], Any] | None, Step | None]:
        """How the rule takes a call: in pieces, in a step, or not at all."""
        try:
            pieces = self.rule.decompose(call)
            return pieces, None if pieces is not None else self._steps.step(call)
        except NoRule:
            if self.rule.unknown == "refuse":
                raise
            self.unknown[call.name] += 1
            return None, None

    def _ruled(self, call: Call, step: Step) -> Any:
        if self.recording and self.tape is not None:
            self.tape.write(call.name, step.inputs)
            return call.function(*call.arguments, **call.options)
        target = call.arguments[0] if call.in_place else None
        inputs = step.inputs if target is None else tuple(t.clone() if t is target else t for t in step.inputs)
        others = self.tape.read(call.name, inputs) if self.tape is not None else ()
        result = apply(call.name, step.run, inputs, others)
        return result if target is None else target.copy_(result)


@contextmanager
def under(mode: RuleMode) -> Iterator[RuleMode]:
    """Run a forward pass under a mode."""
    with without_checkpoints(), mode:
        yield mode


def check_model(rule: Rule, model: nn.Module) -> None:
    """Refuse models whose operations cannot be seen.

    Raises:
        IncompatibleError: With the format, and what would work.
    """
    for name, module in model.named_modules():
        where = f"layer {name!r}" if name else "the model"
        if not format_of(module).operations:
            raise IncompatibleError(
                f"{rule.name} cannot see the operations of TorchScript, which {where} is: give the model itself or a "
                "torch.export program, or use a gradient or mask method"
            )


def check_output(rule: Rule, ruled: Tensor, plain: Tensor) -> None:
    """A rule changes the way back and nothing else.

    Raises:
        IncompatibleError: The output under the rule is not the plain one.
    """
    apart = float((ruled.detach() - plain).abs().max()) if plain.numel() else 0.0
    tolerance = max(1e-4, 4 * torch.finfo(plain.dtype).eps)  # of half precision more
    if not apart <= tolerance * max(1.0, float(plain.abs().max())):
        raise IncompatibleError(
            f"{rule.name} changed the model's output by {apart:.2g}: its map would be another model's"
        )
