"""What methods that replace parts of the image share."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from pydantic import Field
from torch import Tensor

from torchesegeta.baselines import ZERO, BaselineField, baseline_warning
from torchesegeta.features import GRID, FeaturesField, Partition, Regions
from torchesegeta.methods.base import Context, Method
from torchesegeta.methods.readouts import need
from torchesegeta.sweeps import Read, Sample


class MaskMethod(Method):
    """A method that reads scores of masked images: it needs no gradient, so voxel counts may be explained too."""

    family = "Mask"
    reads = Read.SCORE

    baseline: BaselineField = Field(ZERO, description="What masked voxels are set to: a value, a name or an image.")

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A baseline that is not the background."""
        said = baseline_warning(self.baseline, context.image)
        return [] if said is None else [said]


FEATURES_TEXT = "What is replaced as one: 'voxels', 'blocks', 'grid', 'supervoxels', a block size, or a label map."


class FeatureMethod(MaskMethod):
    """A method that replaces features."""

    features: FeaturesField = Field(GRID, description=FEATURES_TEXT)


@dataclass
class Drops:
    """The score's drop without each feature, spread over its voxels."""

    drops: list[Tensor] = field(default_factory=list)
    regions: Regions | None = None

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.drops.append(sample.whole_score - need(sample.scores))
        self.regions = sample.regions

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        assert self.regions is not None
        return self.regions.spread(torch.cat(self.drops))


def partition_of(sample: Sample) -> Partition:
    """The features of a sample whose rows speak of features that do not overlap."""
    assert isinstance(sample.regions, Partition)
    return sample.regions
