"""Patches of points as a session's own points: each patch before the model, its part of the score as the target.

The score of a sliding-window prediction is a sum over the patches' outputs, each times a cotangent: where it is linear
in the prediction always the same one, else that of the point. So every patch is explained by itself, and the gradients
add up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.patches import Box, Tiling
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import Points
from torchesegeta.sweeps.session import Session, Start
from torchesegeta.targets import BoundTarget

CACHED = 2**24
"""Voxels of points that are kept while their patches are run; else a point is made anew for each patch."""


class Parts(Protocol):
    """What a patch's output adds to the scores."""

    def of(self, place: Box, sample: int, values: Tensor) -> Tensor:
        """The parts of the scores, (K,).

        Args:
            place: The patch's voxels within the image.
            sample: Which point's.
            values: (1, C, *place), what it adds to the prediction there.
        """

    def slopes(self, place: Box, sample: int) -> Iterator[tuple[int, Tensor]]:
        """∂score/∂prediction in a place, (C, *place), by number of the score; scores without any may be left out."""


@dataclass(frozen=True)
class Linear:
    """Parts of scores that are linear in the prediction: the same for all points.

    Attributes:
        bound: The scores.
        like: (C, ...), of the prediction's channels and dtype, on its device.
    """

    bound: BoundTarget
    like: Tensor

    def of(self, place: Box, sample: int, values: Tensor) -> Tensor:
        """See `Parts.of`."""
        assert self.bound.within is not None
        return self.bound.within(place)(values)[0]

    def slopes(self, place: Box, sample: int) -> Iterator[tuple[int, Tensor]]:
        """See `Parts.slopes`."""
        shape = [s.stop - s.start for s in place]
        leaf = self.like.new_zeros(1, len(self.like), *shape).requires_grad_()
        with torch.enable_grad():
            scores = self.of(place, sample, leaf)
        for k, score in enumerate(scores):
            yield k, torch.autograd.grad(score, leaf, retain_graph=True)[0][0]


@dataclass(frozen=True, eq=False)
class Cotangents:
    """Parts of other scores, by their gradient at the prediction.

    Attributes:
        scores: How many there are.
        found: ∂score/∂prediction of the points, (S, C, *spatial), by number of the score; others are not read.
    """

    scores: int
    found: Mapping[int, Tensor]

    def of(self, place: Box, sample: int, values: Tensor) -> Tensor:
        """See `Parts.of`."""
        parts = {k: (values[0] * slope).sum() for k, slope in self.slopes(place, sample)}
        return torch.stack([parts.get(k, values.new_zeros(())) for k in range(self.scores)])

    def slopes(self, place: Box, sample: int) -> Iterator[tuple[int, Tensor]]:
        """See `Parts.slopes`."""
        for k, slope in self.found.items():
            yield k, slope[sample][in_space(place)]


def reached(parts: Parts, tiling: Tiling, samples: int) -> dict[int, frozenset[int]]:
    """By number of the patch the scores that have a slope there, at one of so many points."""
    return {
        patch: frozenset(
            k for n in range(samples) for k, slope in parts.slopes(tiling.place(patch), n) if bool(slope.any())
        )
        for patch in range(tiling.count)
    }


def linear_reach(session: Session) -> dict[int, frozenset[int]]:
    """By number of the patch the scores, linear in the prediction, that have a slope there; found once."""
    assert session.tiling is not None
    if not session.reach:
        parts = Linear(session.bound, session.data.new_zeros(session.channels))
        session.reach = reached(parts, session.tiling, 1)
    return session.reach


class PatchPoints(Points):
    """Patches of some points: patch by patch, and of each patch point by point.

    Args:
        points: Over the whole image.
        samples: Which of them.
        tiling: The patches.
        chosen: Those that are run, by number.
    """

    def __init__(self, points: Points, samples: range, tiling: Tiling, chosen: Sequence[int]) -> None:
        self.points, self.samples, self.tiling, self.chosen = points, samples, tiling, chosen
        self.weights = points.weights[samples.start : samples.stop].repeat(len(chosen))
        self._kept: dict[str, dict[int, Tensor]] = {"at": {}, "reference": {}}

    def split(self, index: int) -> tuple[int, int]:
        """Number of the patch, and of the point among those chosen."""
        place, sample = divmod(index, len(self.samples))
        return self.chosen[place], sample

    def at(self, indices: range) -> Tensor:
        """See `Points.at`."""
        return torch.stack([self._crop("at", index) for index in indices])

    def reference(self, indices: range) -> Tensor | None:
        """See `Points.reference`."""
        if self.points.reference(self.samples[:1]) is None:
            return None
        return torch.stack([self._crop("reference", index) for index in indices])

    def _crop(self, what: str, index: int) -> Tensor:
        patch, sample = self.split(index)
        kept = self._kept[what]
        if sample not in kept:
            (volume,) = getattr(self.points, what)(self.samples[sample : sample + 1])
            if len(kept) * volume.numel() > CACHED:
                kept.clear()
            kept[sample] = volume.detach()
        return self.tiling.crop(kept[sample], patch)

    def span(self, index: int) -> tuple[Hashable, Hashable]:
        """See `Points.span`."""
        patch, sample = self.split(index)
        start, end = self.points.span(self.samples[sample])
        return (patch, start), (patch, end)

    def corner(self, name: Hashable) -> Tensor:
        """See `Points.corner`."""
        assert isinstance(name, tuple)
        patch, whole = name
        return self.tiling.crop(self.points.corner(whole), patch)


class PatchBatch(Session):
    """The session of a batch of patches.

    Args:
        whole: The image's.
        points: The patches.
        parts: What a patch adds to the scores; None where none is read.
        reach: By number of the patch the scores that have a slope there and are read.
        rule: What changes on the way back, or None.

    Attributes:
        rows: Patches that are run next, by number among the points: their outputs are those that are scored.
        weighted: Whether a patch's output counts by its blending weights, so that parts add up to the scores; else as
            if it stood alone for the prediction in its place.
    """

    def __init__(
        self,
        whole: Session,
        points: PatchPoints,
        parts: Parts | None,
        reach: Mapping[int, frozenset[int]],
        rule: Rule | None,
    ) -> None:
        assert whole.tiling is not None
        piece = whole.piece
        size = 1 if rule is not None and rule.shares_out else whole.chunk_size  # such rules look at whole batches
        super().__init__(whole.alone, piece.image, whole.target, seed=whole.seed, chunk_size=size)
        self.tiles, self.points, self.parts, self.rows = whole.tiling, points, parts, range(0)
        self.weighted = True
        self.reach, targets = dict(reach), frozenset[int]().union(*reach.values())
        names = whole.bound.names if parts is not None else ()
        others = {name: "" for number, name in enumerate(names) if number not in targets}
        self._bound = BoundTarget(names, (None,) * len(names), self._score, incompatible=others)
        self._scores[self.runner.precision] = self.data.new_zeros(len(names))
        self.rules_score = False  # what it adds up is what the rule has sent back from the score
        self._references: dict[int, Tensor] = {}
        self._normalised = rule is not None and rule.normalises
        if rule is not None and not rule.keeps_output:  # its own is compared with it
            with torch.no_grad():
                self._outputs[self.runner.precision] = self.runner.forward(self.data[None], self.image.extras)

    def starting(self, rule: Rule) -> Start:
        """See `Session.starting`."""
        return partial(rule.start, whole=False)

    def is_flat(self, target: int) -> bool:
        """See `Session.is_flat`."""
        return not any(target in self.reach[self.points.split(row)[0]] for row in self.rows)

    def remember(self, points: Tensor, scores: Tensor) -> None:
        """Keep the parts (B, K) of the scores at the patches' baselines."""
        self._references |= dict(zip(self.rows, scores, strict=True))

    def reference_scores(self) -> Tensor | None:
        """What the parts at the baselines add up to, point by point: (S, K); None where there are none."""
        if not self._references:
            return None
        parts = torch.stack([self._references[row] for row in sorted(self._references)])
        return parts.view(len(self.points.chosen), -1, parts.shape[1]).sum(0)

    def _score(self, output: Tensor) -> Tensor:
        """The parts (B, K) of the scores; of rules that start from a share of 1, of scores whose slopes add up to 1."""
        assert self.parts is not None
        parts = []
        for row, one in zip(self.rows, output, strict=True):
            patch, sample = self.points.split(row)
            values = self.tiles.within(one, patch)
            values = values * self.tiles.weights(patch) if self.weighted else values
            parts.append(self.parts.of(self.tiles.place(patch), sample, values[None]))
        return torch.stack(parts) / self._sizes_of_slopes if self._normalised else torch.stack(parts)

    @cached_property
    def _sizes_of_slopes(self) -> Tensor:
        """Σ |∂score/∂prediction| of linear scores over the image, (K,); 1 where the score has no slope."""
        assert self.parts is not None
        total = self.data.new_zeros(len(self.bound.names))
        for patch in range(self.tiles.count):
            weights = self.tiles.weights(patch)
            for k, slope in self.parts.slopes(self.tiles.place(patch), 0):
                total[k] += (slope * weights).abs().sum()
        return total.where(total > 0, 1)
