"""Any algorithm of Captum, by its name (Kokhlikyan et al. 2020, arXiv:2009.07896)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, field_serializer, field_validator

from torchesegeta.methods.base import Context, LayerMethod
from torchesegeta.methods.readouts import input_gradient, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import CaptumRun, Read, Readout, Sweep


@register("captum")
class Captum(LayerMethod):
    """Another library's map beside ours: a class of `captum.attr` by name, run once per target as Captum runs it.

    A class whose name begins with `Layer` makes a map of each layer.
    """

    title = "Captum"
    family = "Other libraries"
    source = "Kokhlikyan et al. 2020, arXiv:2009.07896"
    quantity = "Captum's attribution"
    reads = Read.SCORE

    algorithm: str = Field("Saliency", description="Name of a class of captum.attr, such as 'IntegratedGradients'.")
    arguments: str = Field("{}", description="Arguments of its `attribute`, as a mapping; lists become tuples.")

    @field_validator("arguments", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return json.dumps(value, sort_keys=True) if isinstance(value, Mapping) else value

    @field_serializer("arguments")
    def _as_mapping(self, value: str) -> Any:
        return json.loads(value)

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """Layers for its layer algorithms, the image for the others."""
        return super().places(layers) if self.algorithm.startswith("Layer") else (None,)

    def reads_at(self, layer: str | None) -> Read:
        """The score; at a layer what it puts out, too."""
        return Read.SCORE if layer is None else Read.SCORE | Read.ACTIVATION

    def sweeps(self) -> tuple[Sweep, ...]:
        """One call per target and layer."""
        return (CaptumRun(self.algorithm, self.arguments),)

    def readout(self, context: Context) -> Readout:
        """As Captum gives it, without the batch axis."""
        return single(input_gradient)
