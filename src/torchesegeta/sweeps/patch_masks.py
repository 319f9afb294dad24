"""Scores of masked images that are run patch by patch: only what a mask touches is run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.features import Windows
from torchesegeta.patches import Box, Tiling
from torchesegeta.sweeps.base import LOOK
from torchesegeta.sweeps.coalitions import Places, RowPoints
from torchesegeta.sweeps.mask import MaskPoints, OneOutPoints
from torchesegeta.sweeps.passes import finite_scores, require_finite
from torchesegeta.sweeps.patch_runner import PatchRunner
from torchesegeta.sweeps.session import Session


@dataclass(frozen=True, eq=False)
class Piece:
    """A patch of a masked image.

    Attributes:
        mask: Which of the masks, in order.
        patch: Number of the patch.
        data: (C, *model_shape).
    """

    mask: int
    patch: int
    data: Tensor


@dataclass(frozen=True, eq=False)
class Known:
    """A masked image whose scores are known.

    Attributes:
        row: (F,), how much of each feature it keeps; None where it is not made of features.
        parts: Of each patch the parts of the scores, (K,).
        scores: (K,), their sum.
    """

    row: Tensor | None
    parts: list[Tensor]
    scores: Tensor

    def changed(self, row: Tensor, parts: Mapping[int, Tensor]) -> Known:
        """The image of another row, given the parts of the patches that differ."""
        changes = [part - self.parts[patch] for patch, part in parts.items()]
        every = [parts.get(patch, part) for patch, part in enumerate(self.parts)]
        return Known(row, every, torch.stack([self.scores, *changes]).sum(0))


@dataclass(frozen=True)
class Way:
    """How a mask's scores are found.

    Attributes:
        patches: Those that are run again.
        from_last: Whether they differ from those of the mask before; else from those of the unmasked image.
    """

    patches: list[int]
    from_last: bool


def _ways(places: Places, rows: Tensor, last: Tensor | None) -> Iterator[Way]:
    """The shorter way to each of some masks (masks, F), given the one before them."""
    for row in rows:
        way = Way(places.touched(row != 1), from_last=False)
        if last is not None:
            other = Way(places.touched(row != last), from_last=True)
            way = min(way, other, key=lambda way: len(way.patches))
        yield way
        last = row


class PatchScores:
    """Scores of masked images, as those of an image that is known and what the patches change that differ.

    Known are the unmasked image and, of masks that keep features, the last one: features that join one by one change
    only the patches that they touch. Of every patch its parts of the scores are kept, for scores that are not linear in
    the prediction the unmasked image's output. Parts are added up in float64: what a small mask changes is small beside
    a sum over a volume.

    Args:
        session: The image before a model, with patches.
    """

    def __init__(self, session: Session) -> None:
        assert session.tiling is not None and isinstance(session.runner, PatchRunner)
        self.session, self.tiling, self.runner = session, session.tiling, session.runner
        self.linear = session.bound.within is not None
        self.whole = session.scores.double()
        with torch.no_grad():
            unmasked = (Piece(0, p, self.tiling.crop(session.data, p)) for p in range(self.tiling.count))
            self.kept = self._kept(unmasked)
            self.output = None if self.linear else self._stitched()
        self.unmasked = self.last = Known(None, list(self.kept) if self.linear else [], self.whole)

    def _kept(self, unmasked: Iterator[Piece]) -> Tensor:
        """What is seen of the unmasked image's patches, one after the other."""
        kept: Tensor | None = None
        for piece, seen in self.run(unmasked):
            if kept is None:
                kept = self.session.scratch.zeros((self.tiling.count, *seen.shape), seen)
            kept[piece.patch] = seen
        assert kept is not None
        return kept

    def most(self, points: MaskPoints) -> int:
        """How many masks are worked on at once: few where each is a volume."""
        return LOOK if self.linear and points.regions is not None else 1

    @torch.no_grad()
    def of(self, points: MaskPoints, indices: range) -> tuple[Tensor, Tensor | None]:
        """Scores (B, K) of masked images, and their rows of the design.

        Raises:
            ModelError: A score is NaN or infinite.
        """
        if self.linear and isinstance(points, RowPoints):
            return self._joining(points, indices)
        rows: list[Tensor | None] = []
        if self.linear:
            scores = self.whole.repeat(len(indices), 1)
            for piece, part in self.run(self._pieces(points, indices, rows)):
                scores[piece.mask] += part - self.kept[piece.patch]
            require_finite(self.session, scores)
        else:
            scores = torch.cat([self._changed(points, i, rows) for i in indices])
        found = [row for row in rows if row is not None]
        return scores, torch.cat(found) if found else None

    def _joining(self, points: RowPoints, indices: range) -> tuple[Tensor, Tensor]:
        """The same for masks that keep features, each beside the one before it or beside the unmasked image."""
        rows = torch.stack([points.row(index) for index in indices])
        unmasked = replace(self.unmasked, row=torch.ones_like(rows[0]))
        ways = list(_ways(points.places(self.tiling), rows, self.last.row))
        found: dict[int, dict[int, Tensor]] = {mask: {} for mask in range(len(rows))}
        pieces = (
            Piece(mask, patch, points.crop(rows[mask], self.tiling, patch))
            for mask, way in enumerate(ways)
            for patch in way.patches
        )
        for piece, part in self.run(pieces):
            found[piece.mask][piece.patch] = part
        known, scores = self.last, []
        for mask, way in enumerate(ways):
            known = (known if way.from_last else unmasked).changed(rows[mask], found[mask])
            scores.append(known.scores)
        require_finite(self.session, torch.stack(scores))
        self.last = known
        return torch.stack(scores), rows.to(self.session.data)

    def _changed(self, points: MaskPoints, index: int, rows: list[Tensor | None]) -> Tensor:
        """Scores (1, K) of one masked image, from its whole prediction."""
        assert self.output is not None
        output = self.output.clone()
        for piece, seen in self.run(self._pieces(points, range(index, index + 1), rows)):
            self.tiling.add_blended(output[0], seen - self.kept[piece.patch], piece.patch)
        return finite_scores(self.session, output)

    def _stitched(self) -> Tensor:
        output = self.session.scratch.zeros((1, self.kept.shape[1], *self.tiling.shape), self.kept)
        for patch, seen in enumerate(self.kept):
            self.tiling.add_blended(output[0], seen, patch)
        return output

    def _pieces(self, points: MaskPoints, indices: range, rows: list[Tensor | None]) -> Iterator[Piece]:
        """The patches that masks touch, mask by mask; on the way the rows of the design are noted."""
        for mask, index in enumerate(indices):
            if isinstance(points, OneOutPoints) and isinstance(points.regions, Windows):
                yield from (Piece(mask, *cut) for cut in _window(points, points.regions, index, self.tiling))
                continue
            (masked,), row = points.masked(range(index, index + 1))
            rows.append(row)
            changed = (masked != self.session.data).any(0)
            for patch in range(self.tiling.count):
                if bool(changed[self.tiling.place(patch)].any()):
                    yield Piece(mask, patch, self.tiling.crop(masked, patch))

    def run(self, pieces: Iterator[Piece]) -> Iterator[tuple[Piece, Tensor]]:
        """Run pieces in batches: of each its parts of the scores (K,), or its output (C, *model_shape)."""
        chunks = self.runner.chunks()
        while batch := list(islice(pieces, chunks.size)):
            seen: list[Tensor] = []

            def work(rows: range, batch: list[Piece] = batch, seen: list[Tensor] = seen) -> None:
                data = torch.stack([batch[row].data for row in rows])
                outputs = self.runner.patches(data, self.session.image.extras)
                seen.extend(self._seen(batch[row].patch, output) for row, output in zip(rows, outputs, strict=True))

            chunks.run(range(len(batch)), work)
            yield from zip(batch, seen, strict=True)

    def _seen(self, patch: int, output: Tensor) -> Tensor:
        within = self.session.bound.within
        if within is None:
            return output
        weighted = self.tiling.within(output, patch) * self.tiling.weights(patch)
        return within(self.tiling.place(patch))(weighted[None])[0].double()


def _window(points: OneOutPoints, windows: Windows, index: int, tiling: Tiling) -> Iterator[tuple[int, Tensor]]:
    """The patches that hold voxels of a window, with these replaced."""
    channels, *place = windows.place(index)
    box = tuple(slice(s.start, min(s.stop, n)) for s, n in zip(place, tiling.shape, strict=True))
    for patch in tiling.touched(box):
        cut = tiling.crop(points.image, patch).clone()
        shared = _shared(box, tiling.place(patch))
        inside = tuple(
            slice(s.start - p.start, s.stop - p.start) for s, p in zip(shared, tiling.place(patch), strict=True)
        )
        tiling.within(cut, patch)[channels][in_space(inside)] = points.replacement[channels][in_space(shared)]
        yield patch, cut


def _shared(first: Box, second: Box) -> Box:
    """The voxels that two boxes have in common."""
    return tuple(slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(first, second, strict=True))
