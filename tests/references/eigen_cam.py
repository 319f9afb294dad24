"""Projection of the activations on their first principal component, resized (Muhammad and Yeasin 2020).

A principal component has no sign of its own: here it goes with the sum over the channels.
"""

import numpy as np
import torch
from torch import Tensor, nn

from .record import Score, layer_at
from .resize import resize


def reference(
    score: Score, image: Tensor, *, layer: nn.Module | None = None, relu: bool = True, upsample: bool = True
) -> Tensor:
    activation, _ = layer_at(score, image, layer)
    positions = activation.flatten(1).T.double().numpy()
    centred = positions - positions.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    projection = centred @ directions[:, -1]
    if np.corrcoef(projection, positions.sum(axis=1))[0, 1] < 0:
        projection = -projection
    cam = torch.from_numpy(projection).float().reshape(1, *activation.shape[1:])
    cam = cam.clamp(min=0) if relu else cam
    return resize(cam, tuple(image.shape[2:])) if upsample else cam
