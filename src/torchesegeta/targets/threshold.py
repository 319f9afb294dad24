"""`threshold`: Otsu foreground and background of each output channel (Chatterjee et al. 2022, eqs. 17-18)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.errors import IncompatibleError
from torchesegeta.targets.base import BoundTarget, Box, OutputInfo, Target, require_spatial
from torchesegeta.types import Image


@dataclass(frozen=True)
class _Split:
    """Minimum, range and threshold of each channel, (B or 1, C, 1): fixed at binding."""

    minimum: Tensor
    extent: Tensor
    threshold: Tensor

    @classmethod
    def of(cls, output: Tensor) -> _Split:
        from skimage.filters import threshold_otsu

        flat = output.detach().flatten(2)
        minimum = flat.amin(2, keepdim=True)
        extent = flat.amax(2, keepdim=True) - minimum
        if bool((extent == 0).any()):
            channels = sorted({int(c) for c in torch.nonzero(extent[..., 0] == 0)[:, 1]})
            raise IncompatibleError(
                f"target.kind 'threshold': output channel {channels} is constant, Otsu cannot split it"
            )
        scaled = ((flat - minimum) / extent).double().cpu().numpy()
        thresholds = [[threshold_otsu(channel) for channel in sample] for sample in scaled]
        return cls(minimum, extent, torch.tensor(thresholds, dtype=flat.dtype, device=flat.device)[..., None])

    def foreground(self, output: Tensor) -> Tensor:
        """Boolean (B, C, voxels)."""
        return (output.detach().flatten(2) - self.minimum) / self.extent > self.threshold


class ThresholdTarget(Target):
    """Sum of the raw output over Otsu's foreground and background of each channel: K = 2 · C scores."""

    kind: Literal["threshold"] = "threshold"
    count: bool = Field(
        False, description="Count the voxels, as the paper prints it: piecewise constant, so for mask sweeps only."
    )

    def bind(self, output: Tensor, image: Image, info: OutputInfo) -> BoundTarget:
        """See `Target.bind`."""
        require_spatial(output, image, "threshold")
        split = _Split.of(output)
        region = split.foreground(output)

        def score(raw: Tensor) -> Tensor:
            if self.count:
                where = (split if self.frozen else _Split.of(raw)).foreground(raw)
            else:
                where = region if self.frozen else _Split.of(raw).foreground(raw)
            values = torch.ones_like(raw.flatten(2)) if self.count else raw.flatten(2)
            return _both_sides(values, where)

        def within(box: Box) -> Callable[[Tensor], Tensor]:
            where = region.view(1, *output.shape[1:])[in_space(box)].flatten(2)
            return lambda raw: _both_sides(raw.flatten(2), where)

        channels = range(output.shape[1])
        named = output.shape[1] == len(info.class_names)
        labels = [info.name(c) if named else f"channel {c}" for c in channels]
        names = tuple(f"{label} {side}" for label in labels for side in ("foreground", "background"))
        linear = self.frozen and not self.count
        return BoundTarget(
            names,
            (None,) * len(names),
            score,
            differentiable=not self.count,
            linear=linear,
            within=within if linear else None,
        )


def _both_sides(values: Tensor, where: Tensor) -> Tensor:
    """Sums of (B, C, voxels) over the foreground and over the background of each channel: (B, 2 · C)."""
    return torch.stack([(values * where).sum(2), (values * ~where).sum(2)], 2).flatten(1)
