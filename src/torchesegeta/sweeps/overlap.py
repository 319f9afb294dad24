"""The overlap of predictions as the score: how much of what is predicted now is left at another image."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.session import Session
from torchesegeta.targets import BoundTarget
from torchesegeta.targets.base import regions


def on_overlap(session: Session) -> Session:
    """The same session with, in the place of each score, the Dice of a region.

    It is the Dice coefficient of the region predicted as the score's class with that predicted for the unperturbed
    image; 0 where one of them is empty.

    Raises:
        IncompatibleError: The output is no segmentation.
    """
    bound, info, output = session.bound, session.runner.info, session.output
    if output is None:
        with torch.no_grad():
            output = session.runner.forward(session.data[None], session.image.extras)
    if output.ndim == 2:
        raise IncompatibleError("on 'dice' needs a segmentation; this model's output has no spatial axes: use 'score'")
    before = regions(output, info)
    lost = dict(bound.incompatible)
    for name, index in zip(bound.names, bound.indices, strict=True):
        if index is None:
            lost[name] = f"the score {name!r} belongs to no class, so no predicted region is its own: use on 'score'"
        elif not bool(before[0, index].any()):
            lost[name] = f"class {info.name(index)!r} is predicted nowhere in this image: there is no region to follow"
    indices = [index or 0 for index in bound.indices]
    kept = before[:, indices]

    def dice(raw: Tensor) -> Tensor:
        now = regions(raw, info)[:, indices]
        both, sizes = (now & kept).flatten(2).sum(2), now.flatten(2).sum(2) + kept.flatten(2).sum(2)
        return 2 * both / sizes.clamp(min=1)

    return session.elsewhere(
        bound=BoundTarget(bound.names, bound.indices, dice, differentiable=False, linear=False, incompatible=lost)
    )
