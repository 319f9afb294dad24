"""`CaptumRun`: any class of `captum.attr`, by its name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from inspect import signature
from typing import Any

from torch import Tensor

from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.models import format_of
from torchesegeta.sweeps.foreign import Foreign, Scores, as_plain

ON_MODULES = ("Guided", "Deconvolution", "DeepLift", "LRP")
"""Parts of the names of classes that change modules; where there are none, they give a plain gradient instead."""


@dataclass(frozen=True)
class CaptumRun(Foreign):
    """One call of `captum.attr.<algorithm>(…).attribute(…)` per target and layer.

    Attributes:
        algorithm: Name of the class.
        arguments: Of `attribute`, as JSON.
    """

    algorithm: str
    arguments: str = "{}"

    def attribute(self, scores: Scores, image: Tensor, target: int, layer: str | None) -> Tensor:
        """See `Foreign.attribute`."""
        algorithm = _algorithm(self.algorithm)
        on_modules = any(part in self.algorithm for part in ON_MODULES)
        if scores.patched and (on_modules or layer is not None):
            raise IncompatibleError(
                f"captum.attr.{self.algorithm} watches modules, and these run once for each patch: take a class "
                "that looks at inputs and scores alone, or the method of this name here"
            )
        if on_modules:
            format_of(scores.model).need_modules(f"captum.attr.{self.algorithm}")
        made = algorithm(scores) if layer is None else algorithm(scores, scores.layer(layer))
        arguments = {name: as_plain(value) for name, value in json.loads(self.arguments).items()}
        if "target" in signature(made.attribute).parameters:
            arguments["target"] = target
        found: Any = made.attribute(image.clone().requires_grad_(True), **arguments)
        if isinstance(found, tuple) and len(found) == 1:
            found = found[0]
        if not isinstance(found, Tensor):
            raise IncompatibleError(f"captum.attr.{self.algorithm} gives {type(found).__name__}, not one tensor")
        return found.detach()


def _algorithm(name: str) -> Any:
    try:
        from captum import attr
    except ImportError as error:
        raise IncompatibleError("Captum is not installed: pip install 'torchesegeta[captum]'") from error
    known = [n for n in attr.__all__ if hasattr(getattr(attr, n), "attribute")]
    if name not in known:
        raise IncompatibleError(unknown("algorithm", name, known, where="in captum.attr"))
    return getattr(attr, name)
