"""The picture of the group of channels that explains most of an activation (Olah et al. 2018)."""

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from .ascent import output_of
from .directions import picture
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module,
    components: int,
    iterations: int = 400,
    **drawing: Any,
) -> Tensor:
    values = output_of(model, layer)(image)[0].detach().clamp(min=0)
    nmf = NMF(components, init="nndsvda", max_iter=iterations, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        where = nmf.fit_transform(values.flatten(1).T.double().numpy())
    sums = [np.outer(where[:, g], nmf.components_[g]).sum() for g in range(components)]
    direction = torch.from_numpy(nmf.components_[int(np.argmax(sums))]).float()
    found = picture(model, layer, image, direction / direction.norm(), **drawing)
    assert found is not None
    return found
