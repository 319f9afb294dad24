"""Variations: the same question asked again, at other images or of other models. Metrics explain at each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from torchesegeta.draws import uniform
from torchesegeta.sweeps.perturbations import range_of
from torchesegeta.sweeps.session import Session


class Variation(ABC):
    """A series of sessions beside the one that is evaluated: frozen and hashable, so that metrics share it."""

    @abstractmethod
    def count(self, session: Session) -> int:
        """How many there are."""

    @abstractmethod
    def sessions(self, session: Session) -> Iterator[tuple[str, Session]]:
        """Their names and the sessions, one at a time; the target is bound as it was."""


def shift_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Draw `index` of a uniform shift in [-1, 1)."""
    return 2 * uniform(shape, key, index) - 1


@dataclass(frozen=True)
class Nearby(Variation):
    """The image plus uniform noise in [−r, r) at every voxel, with r = radius · range of the image."""

    samples: int
    radius: float

    def count(self, session: Session) -> int:
        """The number of samples."""
        return self.samples

    def sessions(self, session: Session) -> Iterator[tuple[str, Session]]:
        """See `Variation.sessions`."""
        key, image = f"{session.key}|{replace(self, samples=0)!r}", session.data
        reach = self.radius * range_of(image)
        for index in range(self.samples):
            shift = shift_at(tuple(image.shape), key, index).to(image)
            yield f"sample {index}", session.elsewhere(image + reach * shift)
