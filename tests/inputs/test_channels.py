from __future__ import annotations

import numpy as np
import pytest
import torch

from torchesegeta.errors import InputError
from torchesegeta.inputs import to_channels_first


@pytest.mark.parametrize(
    ("shape", "spatial_dims", "expected"),
    [
        ((8, 9), None, (1, 8, 9)),
        ((3, 8, 9), None, (3, 8, 9)),
        ((20, 8, 9), None, (20, 8, 9)),
        ((1, 3, 8, 9), None, (3, 8, 9)),
        ((1, 5, 8, 9), None, (1, 5, 8, 9)),
        ((2, 5, 8, 9), None, (2, 5, 8, 9)),
        ((1, 2, 5, 8, 9), None, (2, 5, 8, 9)),
        ((20, 8, 9), 3, (1, 20, 8, 9)),
        ((1, 3, 8, 9), 3, (1, 3, 8, 9)),
        ((1, 13, 8, 9), 2, (13, 8, 9)),
    ],
)
def test_axes(shape: tuple[int, ...], spatial_dims: int | None, expected: tuple[int, ...]) -> None:
    assert to_channels_first(np.zeros(shape), spatial_dims=spatial_dims).shape == expected
    assert to_channels_first(torch.zeros(shape), spatial_dims=spatial_dims).shape == expected


@pytest.mark.parametrize(
    ("shape", "spatial_dims", "words"),
    [
        ((8,), None, r"shape \(8,\).*allowed: \(C, H, W\)"),
        ((1, 1, 1, 8, 8, 8), None, "cannot be read"),
        ((8, 9), 3, "for 3 spatial axes"),
        ((1, 1, 4, 8, 9), 2, "for 2 spatial axes"),
        ((8, 9), 1, "for 1 spatial axes"),
        ((2, 3, 8, 9), 2, "a batch of 2"),
        ((2, 1, 8, 9, 9), None, "a batch of 2"),
        ((3, 0, 9), None, "empty"),
    ],
)
def test_refused(shape: tuple[int, ...], spatial_dims: int | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_channels_first(np.zeros(shape), spatial_dims=spatial_dims)
