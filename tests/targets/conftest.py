from __future__ import annotations

import pytest
import torch
from torch import Tensor

from torchesegeta.types import Image

SIZE = (8, 9, 10)


@pytest.fixture
def image() -> Image:
    return Image(torch.zeros(2, *SIZE))


@pytest.fixture
def output() -> Tensor:
    """Raw output of a segmentation: (1, 3, *spatial), smooth enough for regions of some size."""
    noise = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(4))
    return torch.nn.functional.avg_pool3d(noise, 3, 1, 1) * 4


@pytest.fixture
def others() -> Tensor:
    """Raw output for two perturbed images."""
    return torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def logits() -> Tensor:
    """Raw output of a classification: class 2 is predicted."""
    return torch.tensor([[0.3, -1.2, 2.5]])
