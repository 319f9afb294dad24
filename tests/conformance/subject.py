"""What a check is made on: one method, its row, and a network with an image to explain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

import torchesegeta as te

from .nets import LAYERS, build
from .rows import Row

SIZES = {2: (9, 11), 3: (8, 9, 10)}
CLASS = 1


@dataclass(frozen=True)
class Subject:
    """One method on one network: `kind` is classification or segmentation, `dims` 2 or 3."""

    method: str
    row: Row
    kind: str
    dims: int

    @cached_property
    def model(self) -> nn.Module:
        """A fresh network."""
        return build(self.kind, self.dims)

    def image(self, seed: int = 0) -> Tensor:
        """An image, (2, *spatial)."""
        return torch.randn(2, *SIZES[self.dims], generator=torch.Generator().manual_seed(seed))

    @property
    def labels(self) -> dict[str, Tensor]:
        """A label map of five features, for methods that draw among features."""
        place = torch.stack(torch.meshgrid(*(torch.arange(n) for n in SIZES[self.dims]), indexing="ij"))
        return {"features": (place[0] * place[1] + place.sum(0)) % 5} if self.row.labelled else {}

    @property
    def target(self) -> dict[str, Any]:
        """A region that the prediction decides, or a class."""
        return {"kind": "multiclass" if self.kind == "segmentation" else "class", "classes": [CLASS]}

    def explain(self, *, model: nn.Module | None = None, image: Any = None, **options: Any) -> te.Attributions:
        """The method's maps; at the suite's layers if it makes maps of layers."""
        given = self.image() if image is None else image
        maps = te.explain(
            model or self.model,
            [given, 0.5 * given.flip(0), 1 - given] if self.row.of_set else given,
            methods=[{"name": self.method, **self.row.parameters, **self.labels, **options.pop("parameters", {})}],
            **{"target": self.target, "layers": LAYERS if self.row.layers else None, **options},
        )
        return te.Attributions(m for m in maps if m.image == maps[0].image) if self.row.of_set else maps

    def values(self, **options: Any) -> list[Tensor]:
        """The maps' values, one per layer."""
        return values_of(self.explain(**options))


def values_of(maps: te.Attributions) -> list[Tensor]:
    """The values of maps that must all be there."""
    found = []
    for m in maps:
        assert m.values is not None and m.status == "ok", f"{m.label} at {m.layer}: {m.status}, {m.reason}"
        found.append(m.values)
    assert found, "no maps"
    return found


def apart(mine: Tensor, other: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    assert mine.shape == other.shape, f"{tuple(mine.shape)} is not {tuple(other.shape)}"
    return float((mine - other).abs().max() / other.abs().max())
