"""`Path`: points on the straight line from a baseline to the image (Sundararajan et al. 2017)."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from torchesegeta.baselines import ZERO, Baseline
from torchesegeta.sweeps.base import Points, Sweep
from torchesegeta.sweeps.quadrature import Quadrature, nodes_and_weights


@dataclass(frozen=True)
class Path(Sweep):
    """`steps` passes between the baseline and the image.

    Each point's span is the stretch of the path that its weight covers: the stretches join, so activation changes
    add up to the whole change exactly.
    """

    origin: Baseline = ZERO
    steps: int = 50
    quadrature: Quadrature = "gauss_legendre"

    @property
    def count(self) -> int:
        """The number of steps."""
        return self.steps

    @property
    def needs_ends(self) -> bool:
        """True: completeness is checked against the score's change."""
        return True

    @property
    def span_corners(self) -> int:
        """One more than steps."""
        return self.steps + 1

    def baseline(self, image: Tensor, key: str) -> Tensor:
        """The path's origin, (C, *spatial)."""
        return self.origin.resolve(image, seed=f"{key}|{self.origin!r}")

    def points(self, image: Tensor, key: str) -> Points:
        """See `Sweep.points`."""
        return _Line(image, self.baseline(image, key), *nodes_and_weights(self.quadrature, self.steps))


class _Line(Points):
    def __init__(self, image: Tensor, origin: Tensor, nodes: np.ndarray, weights: np.ndarray) -> None:
        self.image, self.origin = image, origin
        edges = np.concatenate([[0.0], np.cumsum(weights)[:-1], [1.0]])
        self.nodes, self.weights, self.edges = (
            torch.as_tensor(values, dtype=image.dtype, device=image.device) for values in (nodes, weights, edges)
        )

    def at(self, indices: range) -> Tensor:
        return self._along(self.nodes[indices.start : indices.stop])

    def span(self, index: int) -> tuple[Hashable, Hashable]:
        return index, index + 1

    def corner(self, name: Hashable) -> Tensor:
        assert isinstance(name, int)
        return self._along(self.edges[name : name + 1])[0]

    def _along(self, share: Tensor) -> Tensor:
        return torch.lerp(self.origin, self.image, share.view(-1, *[1] * self.image.ndim))
