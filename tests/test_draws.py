from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from torchesegeta.draws import generator, normal

SHAPE = (2, 8, 9, 10)


def test_a_draw_depends_on_its_key_and_number_only() -> None:
    torch.manual_seed(1)
    later = [normal(SHAPE, "key", i) for i in (7, 3)]
    torch.manual_seed(2)
    earlier = [normal(SHAPE, "key", i) for i in (3, 7)]
    assert torch.equal(later[0], earlier[1]) and torch.equal(later[1], earlier[0])
    assert not torch.equal(earlier[0], earlier[1])
    assert not torch.equal(normal(SHAPE, "other", 3), earlier[0])


def test_the_same_in_every_process() -> None:
    """Python's own `hash` of a text is not."""
    script = "from torchesegeta.draws import normal; print(normal((3,), 'key', 5).tolist())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(normal((3,), "key", 5).tolist())


def test_known_numbers() -> None:
    """These may never change: a run could not be repeated."""
    expected = torch.tensor([-1.6657963991, 0.4904383123, 0.0053216522])
    torch.testing.assert_close(normal((3,), "torchesegeta", 0), expected, rtol=0, atol=1e-6)


def test_key_and_number_do_not_run_into_each_other() -> None:
    assert not torch.equal(normal((4,), "key|1", 2), normal((4,), "key", 12))
    seeds = {generator(key, i).initial_seed() for key in ("a", "b", "1", "11") for i in range(200)}
    assert len(seeds) == 800


def test_moments() -> None:
    drawn = torch.stack([normal(SHAPE, "moments", i) for i in range(50)])
    assert drawn.dtype == torch.float32 and drawn.device.type == "cpu"
    assert float(drawn.mean()) == pytest.approx(0, abs=0.01)
    assert float(drawn.std()) == pytest.approx(1, abs=0.01)
    neighbours = torch.corrcoef(drawn.flatten(1)) - torch.eye(50)
    assert float(neighbours.abs().max()) < 0.15


def test_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    normal(SHAPE, "key", 0)
    assert torch.equal(torch.get_rng_state(), before)
