"""Feature visualisation: pictures of what a network has learnt (Olah et al. 2017, distill.00007)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.methods.base import Context
from torchesegeta.methods.optimise_method import Draft, stopped
from torchesegeta.methods.picture_method import PictureMethod
from torchesegeta.methods.readouts import need
from torchesegeta.methods.registry import register
from torchesegeta.optimisation.objectives import Channel, Direction, Diversity, Energy, Neuron, Objective, Score
from torchesegeta.optimisation.parameterisations import Parameterisation, Shared
from torchesegeta.sweeps import FlatError, Gradient, Missed, Part, Problem, Read, Readout, Result, Sample, Sweep

Of = Literal["channel", "neuron", "direction", "class", "layer"]
Number = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]

FROM_IMAGE = "nothing excites this channel in a uniform picture: the picture starts from the image instead"

_MEANS: dict[str, tuple[Of, ...]] = {
    "channels": ("channel", "neuron"),
    "direction": ("direction",),
    "place": ("neuron", "direction"),
    "layers": ("channel", "neuron", "direction", "layer"),
    "diversity": ("channel", "neuron", "direction", "layer"),
    "size": ("channel", "neuron", "direction", "layer"),
}
"""Fields that mean something only for some objectives."""


@register("feature_visualization")
class FeatureVisualization(PictureMethod):
    """Pictures, from a little noise, that excite a channel, a neuron, a direction, a class or a whole layer.

    They show what the network has learnt, not what it saw in an image. The image lends its shape, its range and the
    way its channels vary together, and says which channel is pictured where none is named.
    """

    title = "Feature visualisation"
    source = "Olah et al. 2017, doi:10.23915/distill.00007"
    quantity = "picture that excites the feature"
    reads = Read.ACTIVATION

    of: Of = Field(
        "channel",
        description="What is excited: a `channel`, as the mean over its places; a `neuron`, one place of a channel; a "
        "`direction` in the layer's activations; the `class`, that is the target's score; the whole `layer`, as its "
        "mean square.",
    )
    channels: Number | tuple[Number, ...] | Literal["all"] | None = Field(
        None,
        description="Channels of the layer, counted from 0: one, a list, or `all`; without: the one that the image "
        "excites most.",
    )
    direction: tuple[float, ...] | None = Field(
        None, description="A number for each channel of the layer: which way the activation is to go."
    )
    place: tuple[Number, ...] | None = Field(
        None, description="Place of the neuron, or of the direction, in the layer; without: the centre, or everywhere."
    )
    size: Size | tuple[Size, ...] | None = Field(
        None, description="Spatial size of the pictures, in voxels along all axes or along each; without: the image's."
    )
    pictures: int = Field(1, ge=1, le=64, description="Pictures of each feature, each with a start of its own.")
    diversity: float = Field(
        0.0, ge=0, le=1e6, description="Weight of the reward for pictures of one feature that differ in style."
    )
    shared: bool = Field(False, description="Pictures of one feature have their coarse parts in common.")

    @model_validator(mode="after")
    def _fields_of_objective(self) -> FeatureVisualization:
        for name, allowed in _MEANS.items():
            if self.of not in allowed and getattr(self, name) not in (None, 0.0):
                raise ValueError(f"{name} means nothing where 'of' is {self.of!r}; it does for {', '.join(allowed)}")
        if self.of == "direction" and self.direction is None:
            raise ValueError("direction is required where 'of' is 'direction'")
        if self.pictures == 1 and (self.diversity or self.shared):
            name = "diversity" if self.diversity else "shared"
            raise ValueError(f"{name} means nothing with a single picture; give 'pictures' 2 or more")
        return self

    def places(self, layers: Sequence[str]) -> tuple[str | None, ...]:
        """The layers; a class is read off the output."""
        return (None,) if self.of == "class" else super().places(layers)

    def reads_at(self, layer: str | None) -> Read:
        """The target's score, or the layer's activation."""
        return Read.SCORE if self.of == "class" else Read.ACTIVATION

    def sweeps(self) -> tuple[Sweep, ...]:
        """A look at the image's activation, and the optimisation."""
        optimise = self.optimise(self.pictures)
        return (optimise,) if self.of == "class" else (Gradient(), optimise)

    def pictures_of(self, channels: int | None) -> int | None:
        """See `Method.pictures_of`."""
        chosen = self.channels
        features = channels if chosen == "all" else len(chosen) if isinstance(chosen, tuple) else 1
        return None if features is None else features * self.pictures

    def painted(self) -> Parameterisation:
        """See `PictureMethod.painted`."""
        own = super().painted()
        return Shared(own) if self.shared else own

    def readout(self, context: Context) -> Readout:
        """(C, *size) for each feature and picture."""
        return _Gallery(self, context)

    def features(self, layer: str, image: Tensor) -> Iterable[_Feature]:
        """What is pictured of a layer.

        Args:
            layer: Its name.
            image: (channels, …), its activation at the image.
        """
        match self.of:
            case "direction":
                assert self.direction is not None
                yield _Feature("direction", None, Direction(layer, self.direction, self.place))
            case "layer":
                yield _Feature(None, None, Energy(layer))
            case _:
                for channel in self._chosen(image):
                    yield self._channel(layer, channel)

    def _chosen(self, image: Tensor) -> Sequence[int]:
        if self.channels is None:
            return [int(image.flatten(1).mean(1).argmax())]
        if self.channels == "all":
            return range(len(image))
        return [self.channels] if isinstance(self.channels, int) else self.channels

    def _channel(self, layer: str, channel: int) -> _Feature:
        if self.of == "channel":
            return _Feature(f"channel {channel}", channel, Channel(layer, channel))
        where = "the centre" if self.place is None else ", ".join(map(str, self.place))
        return _Feature(f"channel {channel} at {where}", channel, Neuron(layer, channel, self.place))

    def shape(self, image: Tensor) -> tuple[int, ...]:
        """(C, *size) of the pictures.

        Raises:
            IncompatibleError: The size has another number of axes than the image.
        """
        channels, *spatial = image.shape
        if self.size is None:
            return tuple(image.shape)
        size = (self.size,) * len(spatial) if isinstance(self.size, int) else self.size
        if len(size) != len(spatial):
            raise IncompatibleError(f"size {list(size)} has {len(size)} axes; the image has {len(spatial)}")
        return (channels, *size)


@dataclass(frozen=True, eq=False)
class _Feature:
    """What is pictured: its name and number, None where there is nothing to tell apart, and its objective."""

    name: str | None
    index: int | None
    objective: Objective


@dataclass(frozen=True, eq=False)
class _Still:
    """What an objective sees of the image itself; see `Seen`."""

    pictures: Tensor
    activation: Tensor
    step: int = 0

    def layer(self, name: str) -> Tensor:
        """See `Seen.layer`."""
        return self.activation

    def score(self) -> Tensor:
        """See `Seen.score`."""
        raise TypeError("what is seen of a layer has no score")

    def rival(self) -> Tensor:
        """See `Seen.rival`."""
        return self.score()


class _Gallery(Draft):
    """Pictures of some features of one layer, or of one class."""

    def __init__(self, method: FeatureVisualization, context: Context) -> None:
        super().__init__(self._problems, self._parts, self._named)
        self.method, self.context = method, context
        self.activation: Tensor | None = None
        self.features: dict[str, _Feature] = {}
        self.again: list[Problem] = []

    def update(self, sample: Sample) -> None:
        """Take in the layer's activation (1, channels, …) at the image."""
        self.activation = need(sample.activation)

    def problems(self) -> Sequence[Problem]:
        """See `Draftsman.problems`: those that were flat at their start follow, from the image."""
        if not self.asked:
            return super().problems()
        again, self.again = self.again, []
        return again

    def take(self, result: Result | Missed) -> None:
        """See `Draftsman.take`."""
        problem = result.problem
        if isinstance(result, Missed) and isinstance(result.error, FlatError):
            feature = self.features[problem.name]
            if problem.start is None and self._image_helps(feature):
                self.again.append(replace(problem, start=self._resized(problem)))
                return
            result = Missed(problem, self._flat(result.error, feature))
        super().take(result)

    def several(self) -> Sequence[Part]:
        """In the order of the features."""
        places = {feature.index: place for place, feature in enumerate(self.features.values())}
        return sorted(self.made, key=lambda part: places.get(part.index, 0))

    def _image_helps(self, feature: _Feature) -> bool:
        """Whether the image excites what a uniform picture does not; as a start it serves a single picture."""
        method = self.method
        return self._excited(feature) and method.pictures == 1 and method.parameterisation.kind != "cppn"

    def _excited(self, feature: _Feature) -> bool:
        known = self.activation is not None and feature.index is not None and feature.index < self.activation.shape[1]
        return known and bool(need(self.activation)[0, feature.index].any())

    def _resized(self, problem: Problem) -> Tensor:
        image, (_, *spatial) = self.context.image[None], problem.shape or self.context.image.shape
        same = tuple(image.shape[2:]) == tuple(spatial)
        return image if same else interpolate(image, spatial, mode=LINEAR[len(spatial)])

    def _flat(self, error: FlatError, feature: _Feature) -> IncompatibleError:
        """Which channel it is that never changed, and whether the image excites it."""
        if feature.index is None:
            return error
        what = f"channel {feature.index} of layer {self.context.layer!r}"
        if not self._excited(feature):
            return IncompatibleError(f"{what} is dead: {error}, and it is 0 in the image too")
        return IncompatibleError(
            f"{what}: {error}, though the image excites it; a parameterisation with a larger 'deviation' may reach it"
        )

    def _problems(self) -> Sequence[Problem]:
        method, layer = self.method, self.context.layer
        found: Iterable[_Feature] = [_Feature(None, None, Score())]
        if layer is not None:
            found = method.features(layer, need(self.activation)[0])
        self.features = {feature.name or method.of: feature for feature in found}
        shape = method.shape(self.context.image)
        return [
            Problem(name, self._objective(feature), method.pictures, shape) for name, feature in self.features.items()
        ]

    def _objective(self, feature: _Feature) -> Objective:
        layer, weight = self.context.layer, self.method.diversity
        return feature.objective if layer is None or not weight else feature.objective + weight * Diversity(layer)

    def _named(self, problem: Problem) -> tuple[str | None, int | None]:
        feature = self.features[problem.name]
        return feature.name, feature.index

    def _parts(self, result: Result) -> list[Part]:
        feature, count = self.features[result.problem.name], self.method.pictures
        ends = zip(result.pictures, result.before.tolist(), result.reached.tolist(), strict=True)
        return [
            Part(
                ", ".join(filter(None, [feature.name, f"picture {number}" if count > 1 else None])) or None,
                feature.index,
                picture,
                stopped=stopped(result),
                warnings=() if result.problem.start is None else (FROM_IMAGE,),
                measures={
                    "objective_before": before,
                    "objective_reached": reached,
                    "in_image": self._in_image(feature.objective),
                    "steps": float(result.steps),
                },
            )
            for number, (picture, before, reached) in enumerate(ends, 1)
        ]

    @torch.no_grad()
    def _in_image(self, objective: Objective) -> float:
        """The objective at the image itself."""
        if self.activation is None:
            assert self.context.score is not None
            return self.context.score
        return float(objective.value(_Still(self.context.image[None], self.activation)).mean())
