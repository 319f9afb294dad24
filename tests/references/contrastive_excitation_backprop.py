"""Winners for the target against winners for the unit with negated weights (Zhang et al. 2016, section 3.4)."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from .excitation_backprop import prior, winners
from .record import Score
from .shares import at, walk


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module | None = None,
    contrast_layer: str = "second",
    normalise: bool = True,
    **_: Any,
) -> Tensor:
    start, rule = prior(score, image, model), winners("shift", "drop")
    opposite: Any = deepcopy(model)
    with torch.no_grad():
        opposite.head.weight *= -1
    mine = walk(model, image, rule, start)[contrast_layer]
    other = walk(opposite, image, rule, start)[contrast_layer]
    if normalise:
        difference = torch.relu(mine / mine.sum() - other / other.sum())
        found = at(walk(model, image, rule, difference, from_layer=contrast_layer), model, layer)
    else:
        found = sum(  # type: ignore[assignment]
            sign * at(walk(model, image, rule, part, from_layer=contrast_layer), model, layer)
            for sign, part in ((1, mine), (-1, other))
        )
    return torch.relu(found.sum(0, keepdim=True))
