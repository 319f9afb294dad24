"""What the two methods of excitation backpropagation share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.rule_method import RuleMethod
from torchesegeta.rules import Excitation
from torchesegeta.sweeps import Gradient, Sweep

LARGE_LOSS = 0.1
"""Mass lost on the way to the image above this share is said aloud."""


class ExcitationMethod(RuleMethod, LayerMethod):
    """A method that sends a probability back to the units that excite the target."""

    layers: tuple[str, ...] | None = Field(
        None,
        description="Layers, by dotted name; an empty list: the image itself; without: the run's layers, or the "
        "deepest at the lowest resolution.",
    )
    negative: Literal["shift", "clamp", "signed", "refuse"] = Field(
        "shift",
        description="Inputs below zero (z-scored images, leaky activations): count from the lowest value, as "
        "published; set them to zero; leave them to the formula, as TorchRay does, which gives no probability; or "
        "refuse.",
    )
    lost: Literal["drop", "keep"] = Field(
        "drop",
        description="Units that nothing excites drop their mass, as published, or keep it, shared by weights alone.",
    )
    epsilon: float = Field(1e-20, gt=0, le=1e-3, description="Excitation that counts as none.")

    @property
    def signed(self) -> bool:
        """A probability is not negative."""
        return False

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """Its own layers or the run's; the image for an empty list."""
        return (None,) if self.layers == () else super().places(layers)

    def sweeps(self) -> tuple[Sweep, ...]:
        """One pass under the rule."""
        return (Gradient(Excitation(self.negative, self.lost, self.epsilon, unknown=self.unknown)),)

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """The mass that arrives."""
        return {"mass": float(values.double().sum())}
