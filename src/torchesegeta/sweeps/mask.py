"""`Mask`: the image with parts of it replaced; forward passes only, whose scores serve every target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from torchesegeta.baselines import ZERO, Baseline
from torchesegeta.features import Features, Regions
from torchesegeta.sweeps.base import Points, Sweep
from torchesegeta.sweeps.image_set import ImageSet
from torchesegeta.sweeps.sums import TargetSums


@dataclass(frozen=True, eq=False)
class Sources:
    """What masks may be made from besides the image.

    Attributes:
        activations: (C, *layer), of the design's layers as far as they could be recorded.
        images: The images of the set, the explained one included; None: it is alone.
        position: Of the explained one among them.
        key: Names the run's seed, whatever the image.
    """

    activations: Mapping[str, Tensor] = field(default_factory=dict)
    images: ImageSet | None = None
    position: int = 0
    key: str = ""


class MaskPoints(Points):
    """Masked copies of an image, made when they are needed.

    Attributes:
        regions: The features that are replaced, or None for masks of another kind.
    """

    regions: Regions | None = None

    @abstractmethod
    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        """The points (B, C, *spatial) and their rows of the design.

        A row says how much of each feature is kept, (B, F), or of each voxel, (B, 1 or C, *spatial). It is None where
        the point's number says it all.
        """

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        return self.masked(indices)[0]

    def serving(self, layer: str | None) -> range:
        """The points that speak to readers of a layer, or of the image: all."""
        return range(len(self.weights))

    def editing(self, model: nn.Module, indices: range) -> AbstractContextManager[None]:
        """What is changed inside the model while points run: nothing."""
        return nullcontext()

    def tally(self, rows: Tensor | None, changes: Tensor) -> None:
        """Take in a chunk for all targets together, before their readers do: nothing.

        Args:
            rows: As of `masked`.
            changes: (B, K), of the scores from those of the unmasked image.
        """
        return None

    def sums_of(self, target: int) -> TargetSums | None:
        """What was taken in so far for a target: nothing."""
        return None

    def weigh_equally(self, count: int, image: Tensor) -> None:
        """Give every point the same weight."""
        self.weights = torch.full((count,), 1 / count, dtype=image.dtype, device=image.device)


class Design(ABC):
    """Which masks are tried: frozen and hashable."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers whose activations at the image the masks are made from."""
        return ()

    @property
    def needs_set(self) -> bool:
        """Whether the masks are made from the other images of a set."""
        return False

    @property
    def needs_ends(self) -> bool:
        """Whether the score with everything replaced is taken too."""
        return False

    @abstractmethod
    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """The masked images.

        Args:
            image: (C, *spatial).
            replacement: (C, *spatial), what masked voxels are set to.
            key: Names the run's seed and the image.
            sources: What else masks may be made from.
        """

    def check(self, layer: str, activation: Tensor, image: Tensor) -> None:
        """Refuse a layer's activation (C, *layer) that no mask can be made from.

        Raises:
            IncompatibleError: With the reason.
        """
        return None


@dataclass(frozen=True)
class Mask(Sweep):
    """One forward pass per mask of a design."""

    design: Design
    replacement: Baseline = ZERO

    @property
    def count(self) -> int:
        """0: the image decides on it."""
        return 0

    @property
    def layers(self) -> tuple[str, ...]:
        """As the design says."""
        return self.design.layers

    @property
    def needs_ends(self) -> bool:
        """As the design says."""
        return self.design.needs_ends

    def baseline(self, image: Tensor, key: str) -> Tensor:
        """The replacement, (C, *spatial)."""
        return self.replacement.resolve(image, seed=f"{key}|{self.replacement!r}")

    def points(self, image: Tensor, key: str, sources: Sources | None = None) -> MaskPoints:
        """See `Sweep.points`; `sources` are what the design needs besides the image."""
        return self.design.points(image, self.baseline(image, key), key, sources or Sources())


@dataclass(frozen=True)
class OneOut(Design):
    """Each feature replaced by itself."""

    features: Features

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`."""
        return OneOutPoints(image, replacement, self.features.resolve(image))


class OneOutPoints(MaskPoints):
    """The image without each feature."""

    def __init__(self, image: Tensor, replacement: Tensor, regions: Regions) -> None:
        self.image, self.replacement, self.regions = image, replacement, regions
        self.weigh_equally(regions.count, image)

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        """See `MaskPoints.masked`."""
        assert self.regions is not None
        return torch.stack([self.regions.remove(self.image, self.replacement, i) for i in indices]), None
