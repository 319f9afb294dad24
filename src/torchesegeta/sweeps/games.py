"""Games of patches: a score that is a sum over patches has Shapley values that are sums over the patches' own games.

A patch's game is played by the features that touch it alone; what the others do changes nothing there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.features import Features, Partition
from torchesegeta.sweeps.base import Reader, Request, Sample
from torchesegeta.sweeps.coalitions import Coalitions, RowPoints
from torchesegeta.sweeps.mask import Sources
from torchesegeta.sweeps.patch_masks import PatchScores, Piece
from torchesegeta.sweeps.readers import Readers


@dataclass(eq=False)
class Played:
    """The readout of a sum of games.

    Attributes:
        regions: The features.
        values: (F,), their shares.
        games: How many games there were.
        most: Players of the largest one.
    """

    regions: Partition
    values: Tensor
    games: int = 0
    most: int = 0
    done: bool = True

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return self.regions.spread(self.values.to(self.regions.labels.device))

    def measures(self) -> dict[str, float]:
        """The number of games, and of the players of the largest one."""
        return {"games": float(self.games), "features": float(self.most)}


@dataclass(frozen=True, eq=False)
class Game:
    """A patch's game.

    Attributes:
        patch: Number of the patch.
        players: (n,), numbers of the features that touch it.
        regions: They, within the patch, numbered from 0.
        rows: (N, n), the coalitions that were tried; none where there is a single player.
        scores: (N, K), what they score.
        full: (K,), what all players score together.
        empty: (K,), and none of them.
    """

    patch: int
    players: Tensor
    regions: Partition
    rows: Tensor
    scores: Tensor
    full: Tensor
    empty: Tensor


class Games:
    """The games of all patches.

    Args:
        design: Of the whole image's coalitions: each game tries as many.
        points: Over the whole image.
        scores: Scores patches.
    """

    def __init__(self, design: Coalitions, points: RowPoints, scores: PatchScores) -> None:
        assert isinstance(points.regions, Partition)
        self.design, self.points, self.scores, self.regions = design, points, scores, points.regions
        self.tiling = scores.tiling

    def play(self, readers: Readers, deadline: float | None) -> None:
        """Give everyone whose map is a sum of games that sum; the others still wait for their masks."""
        mine = [reader for reader in readers.waiting(range(len(self.points.weights))) if reader.request.additive]
        sums = {reader: Played(self.regions, torch.zeros(self.regions.count, dtype=torch.float64)) for reader in mine}
        for patch in range(self.tiling.count) if mine else ():
            if deadline is not None and time.monotonic() >= deadline:
                for reader in mine:
                    reader.error = TimeoutError(f"the deadline came after {patch} of {self.tiling.count} patches")
                return
            game = self._game(patch)
            for reader in mine:
                readers.attempt(reader, partial(self._share_out, reader, game, sums[reader]))
        for reader, played in sums.items():
            reader.readout = played

    def _game(self, patch: int) -> Game:
        """Run a patch with its features in every coalition that is tried."""
        labels = self.tiling.crop(self.regions.labels + 1, patch)
        inside = labels.where(labels > 0, labels[labels > 0].min())  # padding is nobody's
        players, numbers = torch.unique(inside - 1, return_inverse=True)
        image, replacement = (self.tiling.crop(t, patch) for t in (self.points.image, self.points.replacement))
        (empty,) = self._run(patch, [replacement])
        rows, scores = torch.zeros(0, len(players)), torch.zeros(0, len(empty), dtype=torch.float64)
        if len(players) > 1:
            own = replace(self.design, features=Features(kind="labels", array=ArrayValue.parse(numbers.cpu())))
            points = own.points(image, replacement, f"{self.points.key}|patch {patch}", Sources())
            assert isinstance(points, RowPoints)
            every = range(len(points.weights))
            rows = torch.stack([points.row(index) for index in every])
            scores = torch.stack(self._run(patch, (points.at(range(i, i + 1))[0] for i in every)))
        return Game(patch, players, Partition(numbers, len(players)), rows, scores, self.scores.kept[patch], empty)

    def _run(self, patch: int, crops: Iterable[Tensor]) -> list[Tensor]:
        return [part for _, part in self.scores.run(Piece(0, patch, crop) for crop in crops)]

    def _share_out(self, reader: Reader, game: Game, played: Played) -> None:
        """Add the players' shares of a game to those that they have already."""
        target = reader.target
        assert target is not None
        full, empty = float(game.full[target]), float(game.empty[target])
        values = torch.full((1,), full - empty, dtype=torch.float64)
        if len(game.players) > 1:
            values = self._values(reader.request, target, game, full, full - empty)
        played.values[game.players.cpu()] += values
        played.games, played.most = played.games + 1, max(played.most, len(game.players))

    def _values(self, request: Request, target: int, game: Game, full: float, change: float) -> Tensor:
        """The players' shares, as the method's own readout finds them."""
        assert request.open_piece is not None
        readout = request.open_piece(target, lambda volume: self.tiling.crop(volume, game.patch), change)
        count, device = len(game.rows), game.scores.device
        sample = Sample(torch.full((count,), 1 / count, device=device), range(count), rows=game.rows.to(device))
        sample.scores, sample.whole_score, sample.regions = game.scores[:, target], full, game.regions
        readout.start()
        for part in sample.parts():
            readout.update(part)
        values = torch.zeros(len(game.players), dtype=torch.float64)
        values[game.regions.labels.flatten().cpu()] = readout.finish().flatten().double().cpu()
        return values
