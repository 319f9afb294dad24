"""Every test here runs on known draws in place of the engine's own."""

import pytest

from torchesegeta.sweeps import noise

from .cases import mixing_at, noise_at


@pytest.fixture(autouse=True)
def known_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "noise_at", noise_at)
    monkeypatch.setattr(noise, "mixing_at", mixing_at)
