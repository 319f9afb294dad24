"""How an image's channels vary together, as a matrix that mixes channels which vary apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

IMAGENET = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""Square root of the covariance of red, green and blue over ImageNet, as published with Lucid."""
LEAST = 0.1
"""Least weight of a mixture of channels, as a share of the largest: that of hue on ImageNet is 0.13."""


def imagenet() -> Tensor:
    """The matrix (3, 3) of natural images in red, green and blue, in float64."""
    return _scaled(torch.tensor(IMAGENET, dtype=torch.float64))


def colour_matrix(images: Sequence[Tensor]) -> Tensor:
    """The matrix (C, C) of images: the square root of the channels' covariance, by its largest column's length.

    Column d says how much of each channel the d-th mixture holds: mixtures are uncorrelated in the images, and come
    in the order of their variance. Mixtures that hardly occur keep a tenth of the weight of the first, so that any
    colour can still be reached; a single channel is left as it is, and so are channels that are constant together.

    Args:
        images: One or several, (C, *spatial) each, of whatever size.

    Returns:
        In float64, on the CPU.
    """
    flat = torch.cat([image.detach().double().cpu().flatten(1) for image in images], 1)
    vectors, variances, _ = torch.linalg.svd(torch.cov(flat).reshape(len(flat), len(flat)))
    if len(flat) == 1 or float(variances[0]) == 0:
        return torch.eye(len(flat), dtype=torch.float64)
    lengths = (variances / variances[0]).sqrt().clamp(min=LEAST)
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return _scaled(vectors * largest.sign() * lengths)


def _scaled(matrix: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(matrix, dim=0)
    return matrix / lengths.max()
