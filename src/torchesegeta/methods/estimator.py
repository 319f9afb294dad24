"""What methods that estimate by random draws share: they may stop once their error is small enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import Field
from torch import Tensor

from torchesegeta.methods.base import Context, Method
from torchesegeta.sweeps import LOOK, Measured, Readout, Sample

RELATIVE = "relative_standard_error"


class Estimate(Readout, Measured, Protocol):
    """A readout that can be finished at any time, and tells its error then."""


class Estimator(Method):
    """A mean over random draws.

    Class attributes:
        draws: The field that says how many at most.
        relative_to: What its standard error is a share of.
        large_error: A relative error above this is said aloud, where none was asked for.
    """

    draws: ClassVar[str] = "samples"
    relative_to: ClassVar[str] = "the map's range"
    large_error: ClassVar[float] = 0.25

    relative_standard_error: float | None = Field(
        None,
        gt=0,
        le=0.1,
        description="Stop as soon as the standard error is no larger than this share of the map's range, or of the "
        "largest Shapley value (noise alone has 0.1 to 0.2); without: take all draws.",
    )

    def points_per_draw(self, sample: Sample) -> int:
        """How many points of the sweep make one draw."""
        return 1

    def stopping(self, readout: Estimate) -> Readout:
        """The readout, stopped at the error that was asked for."""
        wish = self.relative_standard_error
        return readout if wish is None else Stopping(readout, wish, self.points_per_draw)

    def cautions(self, measures: dict[str, float], context: Context) -> list[str]:
        """A large standard error, or one larger than asked for."""
        said, error = super().cautions(measures, context), measures.get(RELATIVE, 0.0)
        if error > (self.relative_standard_error or self.large_error):
            taken = f"{self.draws} than {getattr(self, self.draws)}"
            said.append(f"standard error of {error:.2g} of {self.relative_to}: take more {taken}")
        return said


@dataclass
class Stopping:
    """An estimate that has had enough once its error is small; it looks every `LOOK` draws, whoever shares the sweep.

    Attributes:
        readout: The estimate.
        wish: The relative standard error that is small enough.
        points_per_draw: How many points of the sweep make one draw.
        done: Whether it has had enough.
        taken: Draws it took.
    """

    readout: Estimate
    wish: float
    points_per_draw: Callable[[Sample], int]
    done: bool = False
    taken: int = 0

    @property
    def sound(self) -> bool:
        """Whether the estimate is."""
        return bool(getattr(self.readout, "sound", False))

    def start(self) -> None:
        """See `Readout.start`."""
        self.readout.start()

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.readout.update(sample)
        self.taken, rest = divmod(sample.indices.stop, self.points_per_draw(sample))
        if not rest and not self.taken % LOOK:
            self._look()

    def _look(self) -> None:
        self.map = self.readout.finish()
        self.figures = self.readout.measures()
        self.done = RELATIVE in self.figures and self.figures[RELATIVE] <= self.wish

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        if not self.done:  # what was seen when it was done is kept: others may go on with shared sums
            self._look()
        return self.map

    def measures(self) -> dict[str, float]:
        """Those of the estimate, and how many draws it took."""
        return {**self.figures, "samples": float(self.taken)}
