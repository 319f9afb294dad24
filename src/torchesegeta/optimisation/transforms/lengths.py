"""Lengths in voxels, held to what small pictures bear."""

from __future__ import annotations


def capped(length: int, share: float, size: int) -> int:
    """A length along an axis of so many voxels: at most a share of them."""
    return min(length, int(share * size))


def check(name: str, length: int, share: float) -> None:
    """Refuse what is no length.

    Raises:
        ValueError: The length is negative, or the share outside 0 … 1.
    """
    if length < 0:
        raise ValueError(f"{name} is {length}; it must be 0 or more voxels")
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share:g}; it must lie between 0 and 1")
