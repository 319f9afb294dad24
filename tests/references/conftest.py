"""Every test here runs on known draws in place of the engine's own."""

import pytest

from torchesegeta.sweeps import coalitions, grids, noise

from .cases import coalition_at, grid_at, mixing_at, noise_at, permutation_at


@pytest.fixture(autouse=True)
def known_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "noise_at", noise_at)
    monkeypatch.setattr(noise, "mixing_at", mixing_at)
    monkeypatch.setattr(coalitions, "permutation_at", permutation_at)
    monkeypatch.setattr(coalitions, "coalition_at", coalition_at)
    monkeypatch.setattr(grids, "grid_at", grid_at)
