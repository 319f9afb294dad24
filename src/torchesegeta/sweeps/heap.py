"""The C library's heap while the same passes are run over and over on a CPU.

glibc takes a large tensor straight from the system and gives it back as soon as it is freed. The system then fills each
of its pages with zeros at the first touch: at every layer of every pass, which can cost as much as the layer itself.
While pictures are optimised, freed memory is kept for the next tensor instead, and given back at the end. Holes between
the tensors cost memory (two to three times what is held, for small networks), so sweeps whose memory is promised not to
grow with their points do without.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Numbers of `mallopt`."""
NEVER = -1
MAPPINGS = 65536
"""glibc's own limit of blocks taken straight from the system."""
LARGE = 32 * 2**20
"""What glibc comes to call a large block, once tensors were freed; it trims the heap at twice that."""
OWN_SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""How variables begin by which a user has chosen an allocator or its settings: then nothing is changed."""

_lock = Lock()
_open = 0


@cache
def _library() -> ctypes.CDLL | None:
    """The C library, if it is glibc and left to us."""
    if any(name.startswith(OWN_SETTINGS) for name in os.environ):
        return None
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "gnu_get_libc_version") else None


@contextmanager
def kept_heap() -> Iterator[None]:
    """Freed memory stays with the process while it is open; may be nested, and opened by several threads."""
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _open
    library = _library()
    if library is None:
        return
    with _lock:
        before, _open = _open, _open + change
        if before == 0:
            library.mallopt(MMAP_MAX, 0)
            library.mallopt(TRIM_THRESHOLD, NEVER)
        elif _open == 0:
            library.mallopt(MMAP_MAX, MAPPINGS)
            library.mallopt(MMAP_THRESHOLD, LARGE)
            library.mallopt(TRIM_THRESHOLD, 2 * LARGE)
            library.malloc_trim(0)
