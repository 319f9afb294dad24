"""What methods that average over noisy copies of the image share."""

from __future__ import annotations

from pydantic import Field

from torchesegeta.methods.base import Method
from torchesegeta.sweeps import Noise, Sweep


class NoiseMethod(Method):
    """A method that reads gradients at the image plus Gaussian noise."""

    samples: int = Field(50, ge=1, le=100_000, description="Noisy copies: forward and backward passes.")
    sigma: float = Field(
        0.15, ge=0, le=10, description="Standard deviation of the noise, as a share of the image's range."
    )

    def sweeps(self) -> tuple[Sweep, ...]:
        """One series of noisy copies."""
        return (Noise(self.samples, self.sigma),)
