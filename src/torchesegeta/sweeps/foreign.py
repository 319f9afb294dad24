"""`Foreign`: a method of another library runs the model itself, behind the session's score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.sweeps.base import Points, Sample, Sweep
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.session import Session


class Scores(nn.Module):
    """The model and its bound target as one module: (B, C, *spatial) to scores (B, K)."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.model = session.runner.model
        self._session = session

    def forward(self, points: Tensor) -> Tensor:
        """Scores of a batch of points."""
        return self._session.bound.score(self._session.runner.forward(points, self._session.image.extras))

    @property
    def patched(self) -> bool:
        """Whether a pass runs the model's modules once for each patch, and again on the way back."""
        return self._session.tiling is not None

    def layer(self, name: str) -> nn.Module:
        """A layer of the model."""
        return self.model.get_submodule(name)


class Foreign(Sweep):
    """One call of another library per target and layer."""

    @property
    def count(self) -> int:
        """One."""
        return 1

    @property
    def half_safe(self) -> bool:
        """False: what the other library does with the model is not known."""
        return False

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return ForeignPoints(image)

    @abstractmethod
    def attribute(self, scores: Scores, image: Tensor, target: int, layer: str | None) -> Tensor:
        """The other library's map, (1, *map).

        Args:
            scores: The model and its target.
            image: (1, C, *spatial).
            target: Index of the score.
            layer: A layer's name, or None.

        Raises:
            IncompatibleError: The library cannot do it.
        """


class ForeignPoints(Points):
    """The image."""

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self.weights = torch.ones(1, device=image.device, dtype=image.dtype)

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        return self.image[None]


def as_plain(value: Any) -> Any:
    """Arguments from a config as another library takes them: lists become tuples."""
    return tuple(as_plain(v) for v in value) if isinstance(value, list) else value


def ask(sweep: Foreign, points: Points, readers: Readers) -> None:
    """Hand every reader its map from the other library.

    Args:
        sweep: Whom to ask.
        points: The image.
        readers: Opened.
    """
    scores, image = Scores(readers.session), points.at(range(1))
    for reader in readers.waiting(range(1)):
        if reader.target is not None:
            make = partial(sweep.attribute, scores, image, reader.target, reader.request.layer)
            readers.hand(reader, partial(_sample, make, points.weights), range(1))


def _sample(make: Callable[[], Tensor], weights: Tensor) -> Sample:
    return Sample(weights, range(1), input_gradient=make())
