"""What a metric is: parameters, what it needs besides the map, and what it makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.nn.functional import interpolate

from torchesegeta.arrays import LINEAR
from torchesegeta.errors import IncompatibleError
from torchesegeta.methods import Method
from torchesegeta.metrics.needs import Needs, check_needs
from torchesegeta.sweeps import Change, Read, Sample, Session, Variation
from torchesegeta.types import Attribution, Image
from torchesegeta.validation import Strict

Better = Literal["higher", "lower"]


@dataclass(frozen=True, eq=False)
class Case:
    """A map that is judged.

    Attributes:
        attribution: The map and its record.
        values: (C, *spatial): as it is in image space, of layers the sum over the layer's channels, on the layer's
            grid; float32, on the CPU.
        method: What made it, with its parameters.
        target: Index of its score among those of the bound target, or None.
        image: What it explains; on the CPU.
    """

    attribution: Attribution
    values: Tensor
    method: Method
    target: int | None
    image: Image

    @cached_property
    def on_image(self) -> Tensor:
        """(C or 1, *spatial) on the image's grid: maps of layers are interpolated linearly.

        Raises:
            IncompatibleError: The layer has no spatial axes.
        """
        shape, have = self.image.shape, tuple(self.values.shape[1:])
        if have == shape:
            return self.values
        if len(have) != len(shape):
            raise IncompatibleError(
                f"the map of layer {self.attribution.layer!r} has the shape {have}: it has no place in the image"
            )
        return interpolate(self.values[None], shape, mode=LINEAR[len(shape)], align_corners=False)[0]

    @property
    def resized(self) -> bool:
        """Whether `on_image` differs in its grid from the map."""
        return tuple(self.values.shape[1:]) != self.image.shape


def summed(attribution: Attribution) -> Tensor:
    """Values of a map; of a layer's the sum over its channels."""
    assert attribution.values is not None
    values = attribution.values
    return values.sum(0, keepdim=True) if attribution.space == "layer" and values.ndim > 1 else values


@dataclass(frozen=True)
class Measurement:
    """What a metric found.

    Attributes:
        value: Its main figure.
        measures: Further ones, by name.
        steps: Names of the steps that `curves` run over.
        curves: A figure for each step, by name.
        warnings: What its reader must know.
        arrays: What figures are drawn from, by name.
    """

    value: float
    measures: dict[str, float] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    curves: dict[str, list[float]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    arrays: dict[str, Tensor] = field(default_factory=dict)


class Metric(Strict, ABC):
    """A metric: its fields are its parameters, as they stand in the config.

    Class attributes:
        name: Registry name, set by `register`.
        title: Name for people.
        family: Heading under which it is listed.
        source: The paper.
        better: Which way is better; None: neither is.
        span: The values it can take, in words.
        on_image: Whether it reads the map on the image's grid, so that maps of layers are resized.
        needs_label: Whether the image needs a label.
        scale_free: Whether the map times a positive number has the same value.
        needs: What a map must have: `nothing`; `mass`, values that are not all 0; `order`, values that differ.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    family: ClassVar[str] = ""
    source: ClassVar[str] = ""
    better: ClassVar[Better | None] = None
    span: ClassVar[str] = ""
    on_image: ClassVar[bool] = True
    needs_label: ClassVar[bool] = False
    scale_free: ClassVar[bool] = True
    needs: ClassVar[Needs] = "mass"

    def evidence(self, case: Case) -> Tensor:
        """What must have what the metric needs: the map's values, or, on the image's grid, their sum over channels."""
        return case.on_image.sum(0) if self.on_image else case.values

    def check(self, case: Case) -> None:
        """Refuse a map for which the metric is not defined.

        Raises:
            IncompatibleError: It is such a map.
        """
        if self.needs != "nothing":
            check_needs(self.needs, self.evidence(case), self.name)

    @classmethod
    def summary(cls) -> str:
        """The first line of its docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    def parameters(self) -> dict[str, Any]:
        """Its parameters as JSON."""
        return self.model_dump(mode="json")


class MapMetric(Metric):
    """A metric that needs the map and the image alone."""

    @abstractmethod
    def measure(self, case: Case) -> Measurement:
        """Judge a map.

        Raises:
            IncompatibleError: The map or image cannot be judged.
        """


class ScoreReading(ABC):
    """What a metric makes of the scores at changed images, for one map."""

    @abstractmethod
    def update(self, sample: Sample) -> None:
        """Take in scores, in order: with `scores`, `whole_score` and what the metric's `reads` ask for."""

    @abstractmethod
    def measurement(self) -> Measurement:
        """What was found, once all are there."""


class ScoreMetric(Metric):
    """A metric that reads the target's scores at changed images.

    Class attributes:
        reads: What its reading needs besides: `INPUT_CHANGE`.
        guided: Whether the changes follow the map; else one series serves all maps of all targets.
    """

    reads: ClassVar[Read] = Read.SCORE
    guided: ClassVar[bool] = False

    @property
    def points(self) -> int:
        """About how many changed images there are, for plans."""
        return 1

    def before(self, session: Session) -> Session:
        """The session whose scores are read: that of the maps, or one that asks for something else.

        Raises:
            IncompatibleError: The output does not fit.
        """
        return session

    @abstractmethod
    def change(self, case: Case) -> Change:
        """How the image is changed; equal changes that follow no map are run once for all maps."""

    @abstractmethod
    def reading(self, case: Case) -> ScoreReading:
        """A fresh reading for one map."""


class Reading(ABC):
    """What a metric makes of the maps of a variation's steps, for one map."""

    @abstractmethod
    def update(self, step: str, image: Tensor, values: Tensor) -> None:
        """Take in a step's map.

        Args:
            step: Its name.
            image: (C, *spatial), what was explained; on the CPU.
            values: In the form of `Case.values`.
        """

    @abstractmethod
    def measurement(self) -> Measurement:
        """What was found, once all are there."""


class RepeatMetric(Metric):
    """A metric that explains again, at other images or other models."""

    on_image: ClassVar[bool] = False
    needs: ClassVar[Needs] = "order"

    def nested(self) -> Sequence[str | Mapping[str, Any]]:
        """Metrics that judge the map of every step too, the original's first; each adds a curve of its name."""
        return ()

    @abstractmethod
    def variation(self) -> Variation:
        """Where it explains again; equal variations are run once, for all methods together."""

    @abstractmethod
    def reading(self, case: Case) -> Reading:
        """A fresh reading for one map."""
