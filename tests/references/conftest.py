"""Every test here runs on known draws in place of the engine's own."""

import pytest

from torchesegeta.optimisation.parameterisations import fourier, pixels, ranged
from torchesegeta.optimisation.transforms import Roll
from torchesegeta.sweeps import coalitions, exchange, gather, grids, independent, noise

from .cases import (
    coalition_at,
    coins_at,
    grid_at,
    mixing_at,
    noise_at,
    permutation_at,
    places_at,
    roll_by,
    sequence_of,
    shift_at,
    uniform,
)


@pytest.fixture(autouse=True)
def known_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "noise_at", noise_at)
    monkeypatch.setattr(fourier, "normal", noise_at)
    monkeypatch.setattr(pixels, "normal", noise_at)
    monkeypatch.setattr(gather, "places_at", places_at)
    monkeypatch.setattr(noise, "mixing_at", mixing_at)
    monkeypatch.setattr(coalitions, "permutation_at", permutation_at)
    monkeypatch.setattr(coalitions, "coalition_at", coalition_at)
    monkeypatch.setattr(grids, "grid_at", grid_at)
    monkeypatch.setattr(independent, "coins_at", coins_at)
    monkeypatch.setattr(independent, "sequence_of", sequence_of)
    monkeypatch.setattr(exchange, "shift_at", shift_at)
    monkeypatch.setattr(ranged, "uniform", uniform)
    monkeypatch.setattr(Roll, "draw", roll_by)
