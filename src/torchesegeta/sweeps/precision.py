"""The number format of the passes: weights converted and given back, what leaves the model raised to float32."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, get_args

import torch
from torch import Tensor, nn

from torchesegeta.arrays import at_least_single
from torchesegeta.errors import ConfigError, ModelError
from torchesegeta.models import MODULE, format_of
from torchesegeta.sweeps.capture import Stop
from torchesegeta.sweeps.scaling import Scaling
from torchesegeta.types import Precision

WEIGHTS: dict[Precision, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}
"""Formats into which weights are converted."""
MIXED = {"cpu": torch.bfloat16, "cuda": torch.float16}
"""What autocast computes in, by the kind of device: what each has fast operations for."""
FORMATS = re.compile(r"'(Half|BFloat16)'|scalar type|[Ll]ow precision|dtype|Unsupported|Input type")
"""Of errors that a format is to blame for."""


class PrecisionError(ModelError):
    """A model cannot run in the precision that was asked for."""


class Arithmetic:
    """The number format that a model runs in.

    Args:
        model: On its device.
        device: Where it runs.

    Attributes:
        active: The precision of passes made now; `float32` leaves the weights as they are.
    """

    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.model, self.device = model, device
        self.active: Precision = "float32"
        self._own: list[tuple[Tensor, Tensor]] = []
        self._scaling = Scaling()

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the model's weights as they are now."""
        floating = (p.dtype for p in self.model.parameters() if p.is_floating_point())
        return next(floating, WEIGHTS.get(self.active, torch.float32))

    @property
    def narrow(self) -> torch.dtype | None:
        """The half-precision format of passes made now; None: there is none."""
        if self.active == "amp":
            return MIXED[self.device.type]
        return self.dtype if self.dtype.itemsize < 4 else None

    @contextmanager
    def at(self, precision: Precision) -> Iterator[None]:
        """Make passes in a precision; afterwards weights and buffers are what they were, bit by bit.

        Raises:
            ConfigError: The model's format cannot be run in it.
        """
        before = self.active
        try:
            self._switch(precision)
            yield
        finally:
            self._switch(before)

    def _switch(self, precision: Precision) -> None:
        if precision == self.active:
            return
        for tensor, own in self._own:
            tensor.data = own
        self._own, self.active = [], "float32"
        check_precision(self.model, precision)
        self.active = precision
        if precision in WEIGHTS:
            for tensor in (*self.model.parameters(), *self.model.buffers()):
                if tensor.is_floating_point():
                    self._own.append((tensor, tensor.data))
                    tensor.data = tensor.data.to(WEIGHTS[precision])

    def calling(self) -> AbstractContextManager[Any]:
        """Open while the model runs."""
        return torch.autocast(self.device.type, MIXED[self.device.type], enabled=self.active == "amp")

    def lower(self, points: Tensor) -> Tensor:
        """Points in the format of the weights."""
        return points.to(self.dtype)

    def beside(self, extra: Tensor) -> Tensor:
        """A further input: where the weights were converted, in their format, unless it holds no fractions."""
        return extra.to(self.dtype) if self.active in WEIGHTS and extra.is_floating_point() else extra

    def lift(self, output: Tensor) -> Tensor:
        """An output in float32 where it is narrower: sums of half precision overflow, and lose what is small."""
        raised = at_least_single(output)
        return self._scaling.watch(raised) if self.narrow is torch.float16 and raised.requires_grad else raised

    def blame(self, said: str, given: Sequence[Tensor]) -> None:
        """Refuse the precision where an error of the model's is its fault.

        Args:
            said: The error.
            given: The model's inputs.

        Raises:
            PrecisionError: It is; with those that the model was found to run in.
        """
        if self.active == "float32" or FORMATS.search(said) is None:
            return
        works = " or ".join(repr(p) for p in get_args(Precision) if p != self.active and self._runs(p, given))
        raise PrecisionError(
            f"precision: {self.active!r} cannot run this model on {self.device.type!r} ({said}); "
            + (f"it runs in {works}" if works else "it runs in no other either")
        )

    @torch.no_grad()
    def _runs(self, precision: Precision, given: Sequence[Tensor]) -> bool:
        try:
            with self.at(precision), self.calling(), suppress(Stop):
                self.model(*(t.detach().to(self.dtype) if t.is_floating_point() else t for t in given))
        except Exception:  # of whatever kind: it does not
            return False
        return True

    def gradients(
        self,
        ends: Sequence[Any],
        wanted: Sequence[Any],
        starts: Sequence[Tensor] | None = None,
        *,
        keep: bool = False,
    ) -> list[Tensor | None]:
        """Gradients that go back through the model, in float32 or wider.

        In float16 they are scaled on the way (see `Scaling`).

        Args:
            ends: Scores that were made of an output, and edges of layers.
            wanted: Points and edges of layers.
            starts: The gradient at each end; None: they are scalars.
            keep: Keep the graph.

        Returns:
            One for each of `wanted`; None where nothing arrives.

        Raises:
            ModelError: They vanish in float16, or have too few digits left.
        """
        if self.narrow is torch.float16:
            return self._scaling.gradients(ends, wanted, starts, keep=keep, strict=self.active != "float32")
        found = torch.autograd.grad(ends, wanted, starts, retain_graph=keep, allow_unused=True)
        return [None if f is None else at_least_single(f) for f in found]


def check_precision(model: nn.Module, precision: Precision) -> None:
    """Refuse a precision that a model's format does not allow.

    Raises:
        ConfigError: The weights cannot be converted, or autocast does not act on them.
    """
    formats = (format_of(module) for module in model.modules())
    fixed = next((kind.name for kind in formats if kind is not MODULE), None)
    if precision in WEIGHTS and fixed is not None:
        raise ConfigError(
            f"precision: {precision!r} converts the weights, and the model is {fixed}, whose operations expect the "
            "format it was made with; use 'amp' or 'float32', or give the model it was made from"
        )
    if precision == "amp" and any(p.dtype == torch.float64 for p in model.parameters()):
        raise ConfigError(
            "precision: 'amp' does not act on weights in float64; use 'float32', which leaves them as they are, "
            "'bfloat16' or 'float16'"
        )
