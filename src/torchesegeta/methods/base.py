"""What a method is: parameters, the sweeps it asks for, and a readout of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from torchesegeta.sweeps import Read, Readout, Sample, Sweep
from torchesegeta.types import Shows
from torchesegeta.validation import Strict


@dataclass(frozen=True, eq=False)
class Context:
    """What a readout knows of its place.

    Attributes:
        image: (C, *spatial), in the model's dtype and on its device.
        layer: The layer it reads, or None.
        baseline: (C, *spatial), of sweeps that have one.
        score_change: score(image) − score(baseline) of its target, where a sweep has a baseline; under
            a rule that compares with baselines it is known once the sweep is done.
        score: score(image) of its target.
        baseline_noise: How far the score at the baseline moves under a trace of noise, as a share of its change.
    """

    image: Tensor
    layer: str | None = None
    baseline: Tensor | None = None
    score_change: float | None = None
    baseline_noise: float | None = None
    score: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Spatial shape of the image."""
        return tuple(self.image.shape[1:])


class Method(Strict, ABC):
    """A method: its fields are its parameters, as they stand in the config.

    Class attributes:
        name: Registry name, set by `register`.
        title: Name for people.
        family: Heading under which it is listed.
        source: The paper.
        quantity: What its map shows, for colour bars.
        signed: Whether negative values carry meaning.
        shows: Whether it makes maps of the image, or pictures of their own.
        reads: What its readout needs of a sweep.
        spatial_dims: Dimensions it works in.
        fewest_images: How many images must be explained together.
        additive: Whether its map of a sum of scores is the sum of their maps, and a feature that changes nothing gets
            nothing; true of Shapley values.
        of_model: Whether it pictures the model itself: it is run once, not for every image.
        joins: Whether its readout takes, of images that are run patch by patch, the layer's map of its first sweep as
            it was put together, and goes on with the image alone (see `Joining`).
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    family: ClassVar[str] = ""
    source: ClassVar[str] = ""
    quantity: ClassVar[str] = ""
    shows: ClassVar[Shows] = "map"
    reads: ClassVar[Read] = Read.INPUT_GRADIENT
    spatial_dims: ClassVar[tuple[int, ...]] = (2, 3)
    fewest_images: ClassVar[int] = 1
    additive: ClassVar[bool] = False
    of_model: ClassVar[bool] = False
    joins: ClassVar[bool] = False

    @property
    def signed(self) -> bool:
        """Whether negative values carry meaning."""
        return True

    @abstractmethod
    def sweeps(self) -> tuple[Sweep, ...]:
        """The sweeps it reads; equal ones are run once for all methods."""

    def sweeps_over(self, places: Sequence[str | None]) -> tuple[Sweep, ...]:
        """The sweeps for the places it explains; other than `sweeps` where they are made from the layers."""
        return self.sweeps()

    @abstractmethod
    def readout(self, context: Context) -> Readout:
        """A fresh readout for one target and one layer."""

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """The layers for which it makes maps, None standing for the image.

        Args:
            layers: The run's layers.
        """
        return (None,)

    def reads_at(self, layer: str | None) -> Read:
        """What the readout at a place needs."""
        return self.reads

    def reads_of(self, sweep: int, layer: str | None) -> Read:
        """What the readout at a place needs of one of its sweeps, by number."""
        return self.reads_at(layer)

    def seed_layer(self, place: str | None) -> str | None:
        """Where the seeded gradient starts that is read for a place; None for methods without seeds."""
        return None

    def seeds(self, sample: Sample) -> Sequence[tuple[float, Tensor]]:
        """Weights and gradients (B, *layer) that start at the seed layer, for seeded reads.

        Args:
            sample: Of the seed layer (see `Seed.make`).
        """
        raise TypeError(f"{type(self).__name__} seeds no gradient")

    @property
    def seed_count(self) -> int:
        """How many gradients `seeds` starts."""
        return 1

    @property
    def seeds_shares(self) -> bool:
        """Whether `seeds` compares shares of what the whole layer holds; see `Sample.masses`."""
        return False

    def pictures_of(self, channels: int | None) -> int | None:
        """How many pictures it makes of a layer, for plans; None: as many as its sweep says.

        Args:
            channels: Of the layer, where they are known.
        """
        return None

    def in_image_space(self, layer: str | None) -> bool:
        """Whether the map at a place lies on the image's grid."""
        return layer is None

    def measures(self, values: Tensor, context: Context) -> dict[str, float]:
        """Figures computed with a map, such as its completeness gap."""
        return {}

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """What the reader of a map must know."""
        return []

    @classmethod
    def summary(cls) -> str:
        """The first line of its docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def parameters(self) -> dict[str, Any]:
        """Its parameters as JSON."""
        return self.model_dump(mode="json")


class LayerMethod(Method):
    """A method that makes one map per layer."""

    layers: tuple[str, ...] | None = Field(
        None, description="Layers, by dotted name; without: the run's layers, or the deepest at the lowest resolution."
    )

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """See `Method.places`."""
        return self.layers if self.layers is not None else tuple(layers)
