from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import torchesegeta as te
from torchesegeta.sweeps import heap


class _Library:
    """Stands for glibc, and notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int]] = []
        self.trims = 0

    def mallopt(self, what: int, value: int) -> int:
        self.told.append((what, value))
        return 1

    def malloc_trim(self, _pad: int) -> int:
        self.trims += 1
        return 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> _Library:
    library = _Library()
    monkeypatch.setattr(heap, "_library", lambda: library)
    return library


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    heap._library.cache_clear()
    yield
    getattr(heap._library, "cache_clear", lambda: None)()


def test_memory_is_kept_while_open_and_given_back_at_the_end(library: _Library) -> None:
    with heap.kept_heap(), heap.kept_heap():
        assert dict(library.told) == {heap.MMAP_MAX: 0, heap.TRIM_THRESHOLD: heap.NEVER}
        assert library.trims == 0
    assert dict(library.told)[heap.MMAP_MAX] == heap.MAPPINGS
    assert dict(library.told)[heap.TRIM_THRESHOLD] > 0
    assert len(library.told) == 5 and library.trims == 1


def test_also_after_an_error(library: _Library) -> None:
    with pytest.raises(ZeroDivisionError), heap.kept_heap():
        _ = 1 / 0
    assert dict(library.told)[heap.MMAP_MAX] == heap.MAPPINGS and library.trims == 1


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "LD_PRELOAD"])
def test_an_allocator_of_the_users_choice_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    assert heap._library() is None
    with heap.kept_heap():
        pass


def test_optimising_keeps_the_heap_and_puts_it_back(library: _Library, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Flatten())
    model.register_forward_hook(lambda *_: seen.append(dict(library.told).get(heap.MMAP_MAX)))
    method = {"name": "class_image", "steps": 3}
    (made,) = te.explain(model, torch.rand(1, 4, 4), method, target=0)
    assert made.has_map, made.reason
    assert 0 in seen and dict(library.told)[heap.MMAP_MAX] == heap.MAPPINGS
