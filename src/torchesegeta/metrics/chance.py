"""Chance: what a metric says of maps that are drawn at random (as in Petsiuk et al. 2018, arXiv:1806.07421)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field, field_validator
from torch import Tensor

from torchesegeta.errors import ConfigError
from torchesegeta.metrics.base import Case, Measurement, ScoreMetric, ScoreReading
from torchesegeta.metrics.entries import parse_metrics
from torchesegeta.metrics.registry import register
from torchesegeta.sweeps import Change, Read, Sample, Session
from torchesegeta.sweeps.base import Points
from torchesegeta.sweeps.changed import JoinedPoints, Series
from torchesegeta.sweeps.perturbations import noise_at

KEY = "map drawn at random"


@register("chance")
class Chance(ScoreMetric):
    """The value of another metric, such as deletion, for maps drawn at random: what a map must beat.

    Every voxel of a random map is drawn by itself. The value is the mean over the maps, `spread` their standard
    deviation. It does not depend on the map that is judged, so one series of passes serves all methods and targets.
    """

    title = "Chance"
    family = "Faithfulness"
    source = "Petsiuk et al. 2018, arXiv:1806.07421"
    span = "that of the other metric"
    needs = "nothing"
    reads = Read.SCORE | Read.INPUT_CHANGE

    metric: dict[str, Any] = Field(
        "deletion",
        validate_default=True,
        description="The other metric, which reads scores at changed images: its name, or a mapping with parameters.",
    )
    maps: int = Field(5, ge=1, description="Number of random maps.")

    @field_validator("metric", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """All its parameters, so that equal ones are found whatever was left out."""
        if not isinstance(value, str | Mapping):
            return value
        try:
            one = parse_metrics([value])[0].metric
        except ConfigError as error:
            raise ValueError(str(error)) from error
        if not isinstance(one, ScoreMetric) or isinstance(one, Chance):
            raise ValueError(f"{one.name!r} reads no scores at changed images, so random maps say nothing of it")
        return {"name": one.name, **one.parameters()}

    @property
    def other(self) -> ScoreMetric:
        """The other metric."""
        found = parse_metrics([self.metric])[0].metric
        assert isinstance(found, ScoreMetric), "held by the field"
        return found

    @property
    def points(self) -> int:
        """Those of the other metric, for every map where they follow it."""
        other = self.other
        return other.points * (self.maps if other.guided else 1)

    def before(self, session: Session) -> Session:
        """That of the other metric."""
        return self.other.before(session)

    def change(self, case: Case) -> Change:
        """See `ScoreMetric.change`."""
        other = self.other
        inner = other.change(case)
        return AlongRandom(inner, self.maps) if other.guided else inner

    def reading(self, case: Case) -> ScoreReading:
        """A reading of the other metric for every map."""
        other, image = self.other, case.image.data
        cases = [_with(case, random_map(image, number)) for number in range(self.maps)]
        length = other.change(case).count(image) if other.guided else None
        return _Several([other.reading(one) for one in cases], length)


def random_map(image: Tensor, number: int) -> Tensor:
    """Normal noise (C, *spatial), on the image's device."""
    return noise_at(tuple(image.shape), KEY, number).to(image.device)


def _with(case: Case, values: Tensor) -> Case:
    return Case(case.attribution, values, case.method, case.target, case.image)


@dataclass(frozen=True)
class AlongRandom(Change):
    """A change that follows a map, along random ones: one after the other.

    Attributes:
        inner: The change.
        maps: How many there are.
    """

    inner: Change
    maps: int

    def count(self, image: Tensor) -> int:
        """So many times as of one map."""
        return self.maps * self.inner.count(image)

    def points(self, image: Tensor, key: str, guide: Tensor | None) -> Points:
        """See `Change.points`."""
        return JoinedPoints(image, key, [Series(self.inner, random_map(image, n)) for n in range(self.maps)])


class _Several(ScoreReading):
    """Readings side by side.

    Args:
        readings: One per map.
        length: Points of each, one map after the other; None: all read the same.
    """

    def __init__(self, readings: Sequence[ScoreReading], length: int | None) -> None:
        self.readings, self.length, self.seen = readings, length, 0

    def update(self, sample: Sample) -> None:
        if self.length is None:
            for reading in self.readings:
                reading.update(sample)
            return
        start = sample.indices.start
        while start < sample.indices.stop:
            which = self.seen // self.length
            count = min(sample.indices.stop - start, self.length * (which + 1) - self.seen)
            self.readings[which].update(sample.part(range(start, start + count)))
            self.seen, start = self.seen + count, start + count

    def measurement(self) -> Measurement:
        values = [reading.measurement().value for reading in self.readings]
        return Measurement(float(np.mean(values)), {"spread": float(np.std(values))})
