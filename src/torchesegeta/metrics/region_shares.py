"""Shares by region: how a map is shared out among the structures of an atlas (after Agg²Exp, WACV 2025)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.errors import IncompatibleError
from torchesegeta.metrics.base import Case, MapMetric, Measurement
from torchesegeta.metrics.label_metric import positive
from torchesegeta.metrics.registry import register
from torchesegeta.types import Image

SHARE, VOLUME = "share", "volume"
"""Names of the curves."""


def _atlas(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"path"}:
        return value["path"]
    return ArrayValue.parse(value) if isinstance(value, Tensor | np.ndarray) else value


def _names(value: Any) -> Any:
    return tuple((int(number), name) for number, name in value.items()) if isinstance(value, dict) else value


@register("region_shares")
class RegionShares(MapMetric):
    """How the map is shared out among the structures of an atlas or label map: the share of the largest.

    The curves run over the structures: `share`, of the map, and `volume`, of the image. A structure whose share is
    above its volume gets more than an even map would give it. `region_tables` puts the images of a data set together.
    """

    title = "Shares by region"
    family = "Regions"
    source = "after Agg²Exp, WACV 2025"
    span = "0 to 1"

    atlas: Annotated[Path | ArrayValue, BeforeValidator(_atlas)] | None = Field(
        None,
        description='A file of whole numbers on the image\'s grid, as {"path": …}, or an array (*spatial) from Python; '
        "each value is a structure. Without: the image's label.",
    )
    names: Annotated[tuple[tuple[int, str], ...], BeforeValidator(_names)] = Field(
        (), description="Names of the structures by their values; others are named by their value."
    )
    sign: Literal["positive", "absolute"] = Field(
        "absolute",
        description="What is shared out, once the channels are summed: what speaks for the target, or magnitude.",
    )

    def measure(self, case: Case) -> Measurement:
        """See `MapMetric.measure`."""
        structures, numbers = torch.unique(_structures(self.atlas, case.image), return_inverse=True)
        summed = case.on_image.double().sum(0)
        mass = positive(summed) if self.sign == "positive" else summed.abs()
        total = float(mass.sum())
        sizes = torch.bincount(numbers.flatten(), minlength=len(structures)).double() / mass.numel()
        shares = torch.bincount(numbers.flatten(), mass.flatten(), minlength=len(structures)) / total
        known = dict(self.names)
        steps = tuple(known.get(value, str(value)) for value in structures.tolist())
        return Measurement(float(shares.max()), steps=steps, curves={SHARE: shares.tolist(), VOLUME: sizes.tolist()})


def _structures(atlas: Path | ArrayValue | None, image: Image) -> Tensor:
    """(*spatial), integers, on the image's grid.

    Raises:
        IncompatibleError: There are none, they are not whole, or they lie on another grid.
        InputError: The file cannot be read.
    """
    if isinstance(atlas, Path):
        from torchesegeta.inputs import read_label

        return read_label(atlas, image)
    found = image.label if atlas is None else atlas.tensor
    if found is None:
        raise IncompatibleError(f"'region_shares' needs an 'atlas', or a label, and {image.name!r} has none")
    if tuple(found.shape) != image.shape:
        raise IncompatibleError(f"the atlas has the shape {tuple(found.shape)}; the image has {image.shape}")
    if found.is_floating_point() and not torch.equal(found, found.round()):
        raise IncompatibleError("the values of an atlas are whole numbers; these are not")
    return found.long()
