"""`OtherClass`: the same image and model, asked for another class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchesegeta.draws import whole_number
from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.session import Session
from torchesegeta.sweeps.variations import Variation
from torchesegeta.targets import BoundTarget


@dataclass(frozen=True)
class OtherClass(Variation):
    """For each score that of a class drawn among the others; of segmentations among those predicted somewhere."""

    seed: int = 0

    def steps(self, session: Session) -> tuple[Sequence[str], Iterator[Session]]:
        """See `Variation.steps`; the scores keep their names."""
        return ["another class"], self._sessions(session)

    def _sessions(self, session: Session) -> Iterator[Session]:
        with torch.no_grad():
            output = session.runner.forward(session.data[None], session.image.extras)
        bound = session.bound
        classes = _of_classes(session, output)
        drawn = [self._draw(session, k, index, classes) for k, index in enumerate(bound.indices)]

        def score(raw: Tensor) -> Tensor:
            return torch.cat([one.score(raw) for one in drawn], 1)

        linear, smooth = all(one.linear for one in drawn), all(one.differentiable for one in drawn)
        other = BoundTarget(bound.names, bound.indices, score, smooth, linear, bound.incompatible)
        yield session.elsewhere(bound=other)

    def _draw(self, session: Session, number: int, own: int | None, classes: dict[int, BoundTarget]) -> BoundTarget:
        others = [index for index in classes if index != own]
        if own is None or not others:
            raise IncompatibleError("there is no other class that could be explained in its place")
        return classes[others[whole_number(f"{session.key}|other class|{self.seed}", number) % len(others)]]


def _of_classes(session: Session, output: Tensor) -> dict[int, BoundTarget]:
    """The target of each class by itself, as far as there is such a thing.

    Raises:
        IncompatibleError: The target names no classes.
    """
    target, info = session.target, session.runner.info
    if "classes" not in type(target).model_fields:
        raise IncompatibleError(f"a target of kind {getattr(target, 'kind', '')!r} names no class to be changed")
    found: dict[int, BoundTarget] = {}
    for index in range(info.classes(output)):
        one = target.model_copy(update={"classes": (index,)}).bind(output, session.image, info)
        if not one.incompatible:
            found[index] = one
    return found
