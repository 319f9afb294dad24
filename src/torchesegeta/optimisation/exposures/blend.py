"""`Blend`: the model is shown the image through a mask (Fong, Patrick & Vedaldi 2019, arXiv:1910.08485)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from torchesegeta.optimisation.exposures.base import Expose, Exposure
from torchesegeta.optimisation.exposures.veil import Veil
from torchesegeta.optimisation.parameterisations.smooth_masks import SmoothMasks

Variant = Literal["preserve", "delete", "dual"]


@dataclass(frozen=True)
class Blend(Exposure):
    """What a mask covers of the image is shown and the rest veiled, or the other way round.

    Attributes:
        veil: What hides the image where the mask is 0.
        variant: `preserve` shows what the mask covers, `delete` all but that, `dual` both, in this order.
        masks: What the masks are; of those that are larger than the image, the part over it counts.
    """

    has_empty: ClassVar[bool] = True

    veil: Veil
    variant: Variant = "preserve"
    masks: SmoothMasks = SmoothMasks()

    @property
    def views(self) -> int:
        """See `Exposure.views`."""
        return 2 if self.variant == "dual" else 1

    def over(self, image: Tensor) -> Expose:
        """See `Exposure.over`: of masks (B, 1, *spatial) in [0, 1]."""
        levels, grid = self.veil.levels_of(image), self.masks.grid(image.shape[1:])

        def expose(masks: Tensor) -> Tensor:
            inner = grid.inner(masks)
            if self.variant == "dual":
                return torch.stack([seen_through(inner, levels), seen_through(1 - inner, levels)], 1).flatten(0, 1)
            return seen_through(inner if self.variant == "preserve" else 1 - inner, levels)

        return expose

    def empty(self, image: Tensor) -> Tensor:
        """See `Exposure.empty`: the image under the veil."""
        return self.veil.hidden(image)


def seen_through(masks: Tensor, levels: Tensor) -> Tensor:
    """The image through masks, interpolated between its two nearest levels.

    Args:
        masks: (B, 1, *spatial), from 0 to 1.
        levels: (levels, C, *spatial), from all hidden to the image itself.

    Returns:
        (B, C, *spatial), differentiable in the masks.
    """
    place = masks * (len(levels) - 1)
    lower = place.detach().floor().clamp(0, len(levels) - 2)
    between, index = place - lower, lower.long()
    shape = (len(masks), *levels.shape[1:])
    stack = levels.movedim(0, 1).expand(len(masks), -1, -1, *shape[2:])
    near, next_ = (stack.gather(2, at.expand(shape)[:, :, None])[:, :, 0] for at in (index, index + 1))
    return near + between * (next_ - near)
