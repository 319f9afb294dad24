from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.readouts import Variance, WeightedSum, activation, input_gradient, layer_gradient, single
from torchesegeta.sweeps import Readout, Sample

VALUES = torch.randn(11, 2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.linspace(0.05, 0.2, 11)
CHUNKS = [[11], [3, 3, 3, 2], [1] * 11, [8, 3]]


def feed(readout: Readout, chunks: Sequence[int], values: Tensor = VALUES) -> Tensor:
    readout.start()
    start = 0
    for size in chunks:
        part = slice(start, start + size)
        readout.update(Sample(WEIGHTS[part], range(start, start + size), input_gradient=values[part]))
        start += size
    return readout.finish()


@pytest.mark.parametrize("chunks", CHUNKS)
def test_weighted_sum(chunks: list[int]) -> None:
    expected = (VALUES * WEIGHTS.view(-1, 1, 1, 1, 1)).sum(0)
    torch.testing.assert_close(feed(WeightedSum(input_gradient), chunks), expected)
    torch.testing.assert_close(feed(WeightedSum(input_gradient, weighted=False), chunks), VALUES.sum(0))
    torch.testing.assert_close(feed(WeightedSum(input_gradient, lambda total: total.abs()), chunks), expected.abs())


@pytest.mark.parametrize("chunks", CHUNKS)
def test_variance(chunks: list[int]) -> None:
    torch.testing.assert_close(feed(Variance(input_gradient), chunks), VALUES.var(0, correction=0))


def test_variance_beside_a_large_mean_does_not_cancel() -> None:
    shifted = VALUES.double() + 1e4
    found = feed(Variance(input_gradient), [8, 3], shifted.float())
    torch.testing.assert_close(found, shifted.float().double().var(0, correction=0).float(), rtol=1e-2, atol=1e-6)


def test_readouts_leave_their_samples_alone() -> None:
    for readout in (WeightedSum(input_gradient, weighted=False), Variance(input_gradient), single(input_gradient)):
        values = VALUES.clone()
        feed(readout, [1] * 11, values)
        assert torch.equal(values, VALUES)


def test_single_takes_off_the_batch_axis() -> None:
    assert torch.equal(feed(single(input_gradient), [1]), VALUES[0])


def test_what_the_sweep_did_not_yield_is_refused() -> None:
    empty = Sample(WEIGHTS[:1], range(1))
    for read in (input_gradient, layer_gradient, activation):
        with pytest.raises(IncompatibleError, match="did not yield what the method reads"):
            read(empty)
    with pytest.raises(IncompatibleError, match="did not yield"):
        WeightedSum(input_gradient).finish()
