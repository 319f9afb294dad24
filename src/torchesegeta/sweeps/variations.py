"""Variations: the same question asked again, at other images or of other models. Metrics explain at each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from torch import Tensor

from torchesegeta.draws import uniform
from torchesegeta.sweeps.perturbations import noise_at, range_of
from torchesegeta.sweeps.session import Session


class Variation(ABC):
    """A series of sessions beside the one that is evaluated: frozen and hashable, so that metrics share it."""

    @abstractmethod
    def steps(self, session: Session) -> tuple[Sequence[str], Iterator[Session]]:
        """Their names, and the sessions, of which one is alive at a time; the target is bound as it was."""


def shift_at(shape: tuple[int, ...], key: str, index: int) -> Tensor:
    """Draw `index` of a uniform shift in [-1, 1)."""
    return 2 * uniform(shape, key, index) - 1


@dataclass(frozen=True)
class Nearby(Variation):
    """The image plus uniform noise in [−r, r) at every voxel, with r = radius · range of the image."""

    samples: int
    radius: float

    def steps(self, session: Session) -> tuple[Sequence[str], Iterator[Session]]:
        """See `Variation.steps`."""
        return [f"sample {index}" for index in range(self.samples)], self._sessions(session)

    def _sessions(self, session: Session) -> Iterator[Session]:
        key, image = f"{session.key}|{replace(self, samples=0)!r}", session.data
        reach = self.radius * range_of(image)
        for index in range(self.samples):
            shift = shift_at(tuple(image.shape), key, index).to(image)
            yield session.elsewhere(image + reach * shift)


@dataclass(frozen=True)
class Denoised(Variation):
    """Noisy copies of the image, at the original and then at every step of another variation; the same at each.

    A step has one name for all its copies. The noise is N(0, (sigma · range of the image)²).
    """

    inner: Variation
    samples: int
    sigma: float

    def steps(self, session: Session) -> tuple[Sequence[str], Iterator[Session]]:
        """See `Variation.steps`."""
        names, sessions = self.inner.steps(session)
        repeated = [name for name in ("original", *names) for _ in range(self.samples)]
        return repeated, self._sessions(session, chain([session], sessions))

    def _sessions(self, session: Session, others: Iterable[Session]) -> Iterator[Session]:
        key, image = f"{session.key}|denoised|{self.sigma}", session.data
        scale = self.sigma * range_of(image)
        for other in others:
            for index in range(self.samples):
                noise = noise_at(tuple(image.shape), key, index).to(image)
                yield other.elsewhere(other.data + scale * noise)
