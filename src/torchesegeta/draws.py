"""Random draws that depend on what they are for, and on nothing else.

Draw i comes from a CPU generator seeded by a hash of its key and i: neither chunk, worker, order nor device changes it,
and more samples continue the same sequence.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def generator(key: str, index: int) -> torch.Generator:
    """The generator of draw `index` of the sequence that `key` names."""
    digest = hashlib.sha256(f"{key}|{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def normal(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Standard normal draw: float32 on the CPU."""
    return torch.randn(shape, generator=generator(key, index), dtype=torch.float32, device="cpu")


def uniform(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Draw from [0, 1): float32 on the CPU."""
    return torch.rand(shape, generator=generator(key, index), dtype=torch.float32, device="cpu")


def whole_number(key: str, index: int) -> int:
    """Draw of a whole number below 2³¹, to seed other libraries."""
    return int(torch.randint(2**31, (), generator=generator(key, index)))
