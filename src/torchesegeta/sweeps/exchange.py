"""Features exchanged between the images of a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.draws import generator
from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Features, Regions
from torchesegeta.sweeps.mask import Design, MaskPoints, Sources


def shift_at(images: int, key: str, index: int) -> int:
    """Draw `index` of how many places the images of a set are shifted: 1 … images − 1."""
    return int(torch.randint(1, images, (), generator=generator(f"{key}|shift", index)))


@dataclass(frozen=True)
class Exchange(Design):
    """Each feature taken from another image of the set, `permutations` times; no image keeps its own."""

    features: Features
    permutations: int

    @property
    def needs_set(self) -> bool:
        """True."""
        return True

    def points(self, image: Tensor, replacement: Tensor, key: str, sources: Sources) -> MaskPoints:
        """See `Design.points`.

        Raises:
            IncompatibleError: There is one image only, or their shapes differ.
        """
        if len(sources.images) < 2:
            raise IncompatibleError("features are exchanged between images: explain a list of at least two")
        shapes = {tuple(other.shape) for other in sources.images}
        if len(shapes) > 1:
            raise IncompatibleError(f"features are exchanged between images of one shape; these have {sorted(shapes)}")
        return _Exchange(image, self, sources)


class _Exchange(MaskPoints):
    def __init__(self, image: Tensor, design: Exchange, sources: Sources) -> None:
        self.image, self.sources = image, sources
        self.regions: Regions = design.features.resolve(image)
        self.weigh_equally(self.regions.count * design.permutations, image)

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        return torch.stack([self._exchanged(i) for i in indices]), None

    def _exchanged(self, index: int) -> Tensor:
        assert self.regions is not None
        images = self.sources.images
        donor = images[(self.sources.position - shift_at(len(images), self.sources.key, index)) % len(images)]
        return self.regions.remove(self.image, donor.to(self.image), index % self.regions.count)
