"""Features exchanged between the images of a set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.draws import generator
from torchesegeta.errors import IncompatibleError, InputError
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
            IncompatibleError: There is one image only.
        """
        if sources.images is None or len(sources.images) < 2:
            raise IncompatibleError("features are exchanged between images: explain a list of at least two")
        return _Exchange(image, self, sources)


class _Exchange(MaskPoints):
    """The image with one feature of another image each. An image that cannot be read gives none: the next one does."""

    def __init__(self, image: Tensor, design: Exchange, sources: Sources) -> None:
        assert sources.images is not None, "held by the design"
        self.image, self.images, self.position, self.key = image, sources.images, sources.position, sources.key
        self.regions: Regions = design.features.resolve(image)
        self.weigh_equally(self.regions.count * design.permutations, image)

    def masked(self, indices: range) -> tuple[Tensor, Tensor | None]:
        return torch.stack([self._exchanged(i) for i in indices]), None

    def _exchanged(self, index: int) -> Tensor:
        assert self.regions is not None
        donor = self._donor(shift_at(len(self.images), self.key, index))
        return self.regions.remove(self.image, donor.to(self.image), index % self.regions.count)

    def _donor(self, shift: int) -> Tensor:
        """(C, *spatial) of the image that many places before, or of the next before it that can be read."""
        count = len(self.images)
        for place in (*range(shift, count), *range(1, shift)):
            number = (self.position - place) % count
            try:
                donor = self.images[number]
            except InputError:
                continue
            if donor.data.shape != self.image.shape:
                shapes = sorted({tuple(self.image.shape), tuple(donor.data.shape)})
                raise IncompatibleError(f"features are exchanged between images of one shape; these have {shapes}")
            return donor.data
        raise IncompatibleError("features are exchanged between images, and no other one can be read")
