"""Estimators tell their standard error, and stop once it is small enough."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import torchesegeta as te
from torchesegeta.errors import ConfigError
from torchesegeta.methods.estimator import Estimator
from torchesegeta.types import Attribution

IMAGE = torch.randn(1, 6, 7, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(42).view(6, 7) % 5
MOST = 400
METHODS: dict[str, dict[str, Any]] = {
    "smoothgrad": {"samples": MOST},
    "smoothgrad_squared": {"samples": MOST},
    "gradient_shap": {"samples": MOST, "baselines": ["minimum", "blur"]},
    "layer_gradient_shap": {"samples": MOST, "baselines": ["minimum", "blur"]},
    "expected_gradients": {"samples": MOST, "baselines": ["minimum", "blur"]},
    "rise": {"masks": MOST, "cells": 3},
    "shapley_value_sampling": {"permutations": MOST, "features": LABELS},
}
COUNT = {"rise": "masks", "shapley_value_sampling": "permutations"}
"""Fields that say how many draws are taken at most, where it is not `samples`."""


class Net(nn.Module):
    """Two scores that are far from linear, and one voxel that counts most."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head((2 * self.conv(x)).tanh().square().mean((2, 3))) + x[:, :, 3, 4]  # type: ignore[no-any-return]


def run(*entries: dict[str, Any], target: Any = 0, **options: Any) -> list[Attribution]:
    return list(te.explain(Net(), IMAGE, list(entries), target, ["conv"], activation="none", **options))


def entry(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, **METHODS[name], **changes}


def taken(found: Attribution) -> int:
    return int(found.measures["samples"])


def wish(name: str, draws: int = 64) -> float:
    """The relative error after a number of draws, four times as many for RISE, and a little more."""
    draws *= 4 if name == "rise" else 1
    (found,) = run(entry(name, **{COUNT.get(name, "samples"): draws}))
    return 1.001 * found.measures["relative_standard_error"]


def test_every_estimator_is_here() -> None:
    assert {n for n, m in te.methods().items() if issubclass(m, Estimator)} == METHODS.keys()


@pytest.mark.parametrize("name", METHODS)
def test_standard_error_is_the_spread_over_seeds(name: str) -> None:
    few = entry(name, **{COUNT.get(name, "samples"): 40})
    found = [run(few, seed=seed)[0] for seed in range(30)]
    spread = torch.stack([m.values for m in found if m.values is not None]).std(0)
    true = float(spread.max() if name == "shapley_value_sampling" else spread.mean())
    said = sum(m.measures["standard_error"] for m in found) / len(found)
    assert said == pytest.approx(true, rel=0.25)
    values = found[0].values
    assert values is not None
    whole = values.abs().max() if name == "shapley_value_sampling" else values.max() - values.min()
    share = found[0].measures["standard_error"] / found[0].measures["relative_standard_error"]
    assert share == pytest.approx(float(whole), rel=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_stops_where_the_error_is_small_enough(name: str) -> None:
    asked = wish(name)
    (found,) = run(entry(name, relative_standard_error=asked))
    draws = taken(found)
    assert draws % 8 == 0 and 8 <= draws <= (256 if name == "rise" else 64)
    assert found.measures["relative_standard_error"] <= asked
    (plain,) = run(entry(name, **{COUNT.get(name, "samples"): draws}))
    assert found.values is not None and plain.values is not None
    torch.testing.assert_close(found.values, plain.values)
    assert found.passes == plain.passes
    for earlier in range(8, draws, 8):
        (before,) = run(entry(name, **{COUNT.get(name, "samples"): earlier}))
        assert before.measures.get("relative_standard_error", 1) > asked


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", [1, 3, 8, 20, 37])
def test_chunks_do_not_change_where_it_stops(name: str, size: int) -> None:
    asked = entry(name, relative_standard_error=wish(name))
    one, other = run(asked)[0], run(asked, chunk_size=size)[0]
    assert taken(one) == taken(other)
    torch.testing.assert_close(one.values, other.values, rtol=1e-4, atol=1e-6)


def test_company_changes_nothing() -> None:
    """Different wishes, none, another method on the same sweep, another target: each stops where it would alone."""
    asked = [
        entry("smoothgrad", relative_standard_error=wish("smoothgrad", 64), label="fine"),
        entry("smoothgrad", relative_standard_error=wish("smoothgrad", 16), label="coarse"),
        {"name": "vargrad", "samples": MOST},
    ]
    together = run(*asked, target=[0, 1])
    alone = [m for one in asked for m in run(one, target=[0, 1])]
    counts = {taken(m) for m in together if "samples" in m.measures}
    assert len(counts) >= 3
    assert {m.passes["forward"] for m in together} == {MOST + 1}, "and one that binds the target"
    for mine in alone:
        (other,) = (m for m in together if m.key == mine.key)
        assert mine.values is not None and other.values is not None
        assert torch.equal(mine.values, other.values) and mine.measures == other.measures


@pytest.mark.parametrize("name", ["smoothgrad", "rise"])
def test_the_sweep_ends_with_the_last_who_reads_it(name: str) -> None:
    few, many = wish(name, 48), wish(name, 90)
    asked = [entry(name, relative_standard_error=w, label=str(w)) for w in (few, many)]
    found = run(*asked, target=[0, 1] if name == "smoothgrad" else 0)
    last = max(taken(m) for m in found)
    assert min(taken(m) for m in found) < last < MOST
    assert {m.passes["forward"] for m in found} == {last + 1}
    by_target = [max(taken(m) for m in found if m.target == target) for target in {m.target for m in found}]
    backward = sum(by_target) if name == "smoothgrad" else 0
    assert {m.passes["backward"] for m in found} == {backward}, "a target whose readers are done is left out"


@pytest.mark.parametrize("name", METHODS)
def test_too_few_draws_tell_nothing_and_an_error_that_is_too_large_is_said(name: str) -> None:
    (one,) = run(entry(name, **{COUNT.get(name, "samples"): 1, "relative_standard_error": 0.1}))
    assert taken(one) == 1 and "standard_error" not in one.measures
    (missed,) = run(entry(name, **{COUNT.get(name, "samples"): 12, "relative_standard_error": 1e-6}))
    assert taken(missed) == 12
    assert any("take more" in said and "than 12" in said for said in missed.warnings)


def test_map_that_is_flat_has_no_relative_error_and_goes_on() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(42, 2))
    nn.init.zeros_(flat.get_parameter("1.weight"))
    asked = entry("smoothgrad", samples=20, relative_standard_error=0.1)
    (found,) = te.explain(flat, IMAGE, [asked], 0)
    assert taken(found) == 20 and found.measures["standard_error"] == 0


@pytest.mark.parametrize("value", [0, 0.2, -0.1])
def test_bounds(value: float) -> None:
    with pytest.raises(ConfigError, match="relative_standard_error"):
        run(entry("rise", relative_standard_error=value))
