"""Running out of memory: smaller chunks, the same maps, and no readout fed twice."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

import torchesegeta as te
from torchesegeta.sweeps import NEEDS_SCORE, Noise, Path, Read, Request, Sample, Sweep, run_sweep
from torchesegeta.sweeps.chunks import CPU_VOXELS, Chunks, is_out_of_memory
from torchesegeta.sweeps.memory import PeakMemory

from .counting import IMAGE, LAYERS, CountingNet, run, session_of

METHODS = [
    {"name": "integrated_gradients", "steps": 7},
    {"name": "layer_conductance", "steps": 7},
    {"name": "vargrad", "samples": 7},
]


def values_with(net: CountingNet, chunk_size: int) -> list[Tensor]:
    maps = te.explain(net, IMAGE, METHODS, target=[0, 2], layers=[LAYERS[2]], chunk_size=chunk_size)
    return [m.values for m in maps if m.values is not None]


@pytest.fixture(scope="module")
def expected() -> list[Tensor]:
    return values_with(CountingNet(), 8)


def assert_close(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected) == 6
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_batches_that_do_not_fit(limit: int, expected: list[Tensor], caplog: pytest.LogCaptureFixture) -> None:
    net = CountingNet()
    net.batch_limit = limit
    with caplog.at_level(logging.WARNING):
        assert_close(values_with(net, 8), expected)
    assert "out of memory with 7 points at once; going on with 3" in caplog.text


@pytest.mark.parametrize("call", [3, 4, 6, 12, 13])
def test_forward_pass_that_fails_once(call: int, expected: list[Tensor]) -> None:
    net = CountingNet()
    net.fail_at_call = call
    found = values_with(net, 4)
    assert net.calls > call
    assert_close(found, expected)


@pytest.mark.parametrize("node", [1, 8, 10, 15, 25])
def test_backward_pass_that_fails_once(node: int, expected: list[Tensor]) -> None:
    net = CountingNet()
    net.fail_at_backward = node
    found = values_with(net, 4)
    assert net.backward_calls > node
    assert_close(found, expected)


def test_the_output_is_kept_for_rules_alone() -> None:
    for keep in (True, False):
        with session_of(CountingNet(), keep_output=keep) as session:
            _ = session.bound
            assert (session.output is not None) == keep
            assert session.prediction is not None
            assert session.prediction.dtype == torch.int8


def test_single_point_that_does_not_fit_is_said(caplog: pytest.LogCaptureFixture) -> None:
    net = CountingNet()
    with session_of(net) as session:
        _ = session.bound
        net.batch_limit = 0
        (result,) = run(session, ["saliency"])
    assert result.status == "failed"
    said = "out of memory with a single point at once: try precision 'amp' or a smaller image or a crop ("
    assert str(result.reason).startswith(said)


@dataclass
class Diary:
    """A readout that notes what it got."""

    fail_at: int | None = None
    indices: list[int] = field(default_factory=list)
    weights: float = 0.0
    started: int = 0

    def start(self) -> None:
        self.started += 1

    def update(self, sample: Sample) -> None:
        if self.fail_at is not None and self.fail_at in sample.indices and len(sample.indices) > 1:
            raise torch.OutOfMemoryError("out of memory in a readout")
        self.indices += sample.indices
        self.weights += float(sample.weights.sum())

    def finish(self) -> Tensor:
        return torch.zeros(1)


@pytest.mark.parametrize("sweep", [Path(steps=11), Noise(samples=11)])
@pytest.mark.parametrize("node", [0, 1, 8, 12])
@pytest.mark.parametrize("fail_at", [None, 0, 5])
def test_no_readout_is_fed_twice(sweep: Sweep, node: int, fail_at: int | None) -> None:
    net = CountingNet()
    net.fail_at_backward = node
    diaries: list[Diary] = []

    def opened(target: int | None) -> Diary:
        diaries.append(Diary(fail_at if target == 1 else None))
        return diaries[-1]

    requests = [Request(Read.INPUT_GRADIENT, None, opened), Request(Read.ACTIVATION, LAYERS[1], opened)]
    with session_of(net, [0, 1, 2], chunk_size=5) as session:
        readers = run_sweep(sweep, requests, session)
    assert [r.error for r in readers] == [None] * 4
    assert [r.target for r in readers] == [0, 1, 2, None]
    assert bool(requests[0].reads & NEEDS_SCORE)
    for diary in diaries:
        assert diary.indices == list(range(11))
        assert diary.weights == pytest.approx(1)
        assert diary.started == 1


def test_progress_counts_points() -> None:
    seen: list[tuple[int, int]] = []
    request = Request(Read.INPUT_GRADIENT, None, lambda target: Diary())
    with session_of(CountingNet(), chunk_size=4) as session:
        run_sweep(Path(steps=9), [request], session, lambda done, total: seen.append((done, total)))
    assert seen == [(4, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize(("sharing", "size"), [(1, 7), (2, 3), (8, 1)])
def test_the_first_point_on_a_gpu_tells_how_many_fit(monkeypatch: pytest.MonkeyPatch, sharing: int, size: int) -> None:
    mebi = 2**20
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 50 * mebi)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 150 * mebi)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 150 * mebi)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: None)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1100 * mebi, 2000 * mebi))
    chunks, seen = Chunks(10, torch.device("cuda:1"), sharing=sharing), list[int]()
    for chunk in chunks.split(1 + 2 * size):
        chunks.run(chunk, lambda rows: seen.append(len(rows)))
    assert seen == [1, size, size]


def test_chunk_sizes() -> None:
    cpu = torch.device("cpu")
    assert Chunks(10, cpu).size == 8
    assert Chunks(CPU_VOXELS // 4, cpu).size == 4
    assert Chunks(2**20, cpu).size == 1
    assert Chunks(2**20, cpu, 5).size == 5
    assert [len(chunk) for chunk in Chunks(10, cpu, 4).split(10)] == [4, 4, 2]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("Unable to find a valid cuDNN algorithm to run convolution"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_known(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_peak_memory_holds_what_was_allocated() -> None:
    with PeakMemory(torch.device("cpu")) as memory:
        block = torch.ones(30_000_000)
    assert memory.peak is None or memory.peak > block.numel() * block.element_size()
