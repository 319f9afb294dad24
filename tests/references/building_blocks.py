"""The picture of the group of channels that explains most of an activation (Olah et al. 2018)."""

import warnings

import numpy as np
import torch
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from .directions import output_of, picture
from .record import Score


def reference(
    score: Score,
    image: Tensor,
    *,
    model: nn.Module,
    layer: nn.Module,
    components: int,
    cell_size: int,
    steps: int,
    learning_rate: float,
    cosine_power: float,
    iterations: int = 400,
) -> Tensor:
    values = output_of(model, layer, image)[0].detach().clamp(min=0)
    nmf = NMF(components, init="nndsvda", max_iter=iterations, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        where = nmf.fit_transform(values.flatten(1).T.double().numpy())
    sums = [np.outer(where[:, g], nmf.components_[g]).sum() for g in range(components)]
    direction = torch.from_numpy(nmf.components_[int(np.argmax(sums))]).float()
    shape = (cell_size,) * (image.ndim - 2)
    found = picture(model, layer, direction / direction.norm(), shape, steps, cosine_power, learning_rate)
    assert found is not None
    return found
