"""What an objective is: a number that pictures are changed to raise, read from what a pass shows of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


class Seen(Protocol):
    """What one pass shows of the n pictures of one problem; every tensor takes gradients."""

    @property
    def pictures(self) -> Tensor:
        """(n, C, *spatial), as they were rendered, before transforms."""

    @property
    def step(self) -> int:
        """Number of the step, from 0."""

    def layer(self, name: str) -> Tensor:
        """(m, *layer), the activation of a layer that the objective reads; m rows where pictures have m views."""

    def score(self) -> Tensor:
        """(m,), the target's score."""

    def rival(self) -> Tensor:
        """(m,), the best score of any other class, where the objective reads it."""


class Objective(ABC):
    """A number per picture; objectives add up, and are multiplied by numbers and by each other."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers it reads."""
        return ()

    @property
    def reads_score(self) -> bool:
        """Whether it reads the target's score."""
        return False

    @property
    def reads_rival(self) -> bool:
        """Whether it reads the best score of any other class."""
        return False

    @abstractmethod
    def value(self, seen: Seen) -> Tensor:
        """(n,): how far each picture has come; or a scalar for all of them."""

    def __add__(self, other: Objective | float) -> Objective:
        return Sum(self, _objective(other))

    def __radd__(self, other: float) -> Objective:
        return Sum(_objective(other), self)

    def __sub__(self, other: Objective | float) -> Objective:
        return Sum(self, -_objective(other))

    def __rsub__(self, other: float) -> Objective:
        return Sum(_objective(other), -self)

    def __neg__(self) -> Objective:
        return Product(Constant(-1.0), self)

    def __mul__(self, other: Objective | float) -> Objective:
        return Product(self, _objective(other))

    def __rmul__(self, other: float) -> Objective:
        return Product(_objective(other), self)


def _objective(value: Objective | float) -> Objective:
    return value if isinstance(value, Objective) else Constant(float(value))


@dataclass(frozen=True)
class Constant(Objective):
    """A number."""

    number: float

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return seen.pictures.new_tensor(self.number)


@dataclass(frozen=True, eq=False)
class Pair(Objective):
    """What is made of two."""

    one: Objective
    other: Objective

    @property
    def layers(self) -> tuple[str, ...]:
        """Those of both, each once."""
        return tuple(dict.fromkeys([*self.one.layers, *self.other.layers]))

    @property
    def reads_score(self) -> bool:
        """Whether one of them does."""
        return self.one.reads_score or self.other.reads_score

    @property
    def reads_rival(self) -> bool:
        """Whether one of them does."""
        return self.one.reads_rival or self.other.reads_rival


class Sum(Pair):
    """The sum of two."""

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return self.one.value(seen) + self.other.value(seen)


class Product(Pair):
    """The product of two."""

    def value(self, seen: Seen) -> Tensor:
        """See `Objective.value`."""
        return self.one.value(seen) * self.other.value(seen)
