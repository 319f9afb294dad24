"""Class activation maps without gradients, patch by patch: each patch's channels mask that patch alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from torchesegeta.arrays import in_space
from torchesegeta.sweeps.base import Progress, Reader, Request, Sample
from torchesegeta.sweeps.blended import Canvas, Joining, Placed, opened_piece
from torchesegeta.sweeps.channels import ChannelPoints
from torchesegeta.sweeps.mask import Mask, Sources
from torchesegeta.sweeps.mask_passes import usable_activations
from torchesegeta.sweeps.passes import finite_scores, require_finite
from torchesegeta.sweeps.patch_runner import PatchRunner
from torchesegeta.sweeps.readers import Readers


@dataclass(frozen=True, eq=False)
class Tried:
    """What came of a patch's masks.

    Attributes:
        patch: Number of the patch.
        points: Its masks.
        rows: (N,), the channels that were tried, layer by layer.
        scores: (N, K), with this patch masked.
        empty: (K,), with this patch replaced; None where that is not asked for.
    """

    patch: int
    points: ChannelPoints
    rows: Tensor
    scores: Tensor
    empty: Tensor | None


class ChannelMaps:
    """Maps of every patch, blended like the prediction.

    A mask's score is that of the prediction, changed in the patch's place by what the mask changes in its output.

    Args:
        sweep: Its masks are made from a layer's channels.
        readers: Opened.
    """

    def __init__(self, sweep: Mask, readers: Readers) -> None:
        session = readers.session
        assert session.tiling is not None and isinstance(session.runner, PatchRunner)
        self.sweep, self.readers, self.session, self.tiling = sweep, readers, session, session.tiling
        self.runner, self.piece = session.runner, session.piece
        self.replacement = sweep.baseline(session.data, session.key)
        self.whole = session.scores.double()
        linear = session.bound.within is not None
        self.output = None if linear else self.runner.stitch(session.data[None], session.image.extras)
        self.canvases: dict[tuple[Request, int], Canvas] = {}

    def run(self, progress: Progress | None, deadline: float | None) -> None:
        """Run all patches and give every reader its map."""
        for patch in range(self.tiling.count):
            if deadline is not None and time.monotonic() >= deadline:
                self.readers.expire_all(f"the deadline came after {patch} of {self.tiling.count} patches")
                return
            self._patch(patch)
            if progress is not None:
                progress(patch + 1, self.tiling.count)
        for reader in self._waiting():
            self.readers.attempt(reader, partial(self._finish, reader))

    def _waiting(self) -> list[Reader]:
        return [reader for reader in self.readers.opened if not reader.done]

    def _patch(self, patch: int) -> None:
        data = self.tiling.crop(self.session.data, patch)
        requests = [reader.request for reader in self._waiting()]
        activations = usable_activations(self.sweep, self.piece, data, requests)
        if not activations or not self._waiting():
            return
        tried = self._try(patch, data, activations)
        for reader in self._waiting():
            self.readers.attempt(reader, partial(self._place, reader, tried))

    @torch.no_grad()
    def _try(self, patch: int, data: Tensor, activations: dict[str, Tensor]) -> Tried:
        """Run a patch under each of its masks."""
        replacement = self.tiling.crop(self.replacement, patch)
        key = f"{self.session.key}|patch {patch}"
        points = self.sweep.design.points(data, replacement, key, Sources(activations))
        assert isinstance(points, ChannelPoints)
        (own,), found = self._outputs(data[None]), dict[int, Tensor]()

        def work(masks: range) -> None:
            batch, _ = points.masked(masks)
            with points.editing(self.runner.model, masks):
                outputs = self._outputs(batch)
            for mask, output in zip(masks, outputs, strict=True):
                found[mask] = self._scores(patch, output - own)

        self.runner.run(len(points.weights), work)
        empty = None
        if self.sweep.needs_ends:
            empty = self._scores(patch, self._outputs(replacement[None])[0] - own)
        masks = range(len(points.weights))
        return Tried(patch, points, points.numbers(masks), torch.stack([found[mask] for mask in masks]), empty)

    def _outputs(self, batch: Tensor) -> Tensor:
        return self.runner.patches(batch, self.session.image.extras)

    def _scores(self, patch: int, change: Tensor) -> Tensor:
        """Scores (K,) of the prediction, changed in a patch's place by (C, *model_shape).

        Raises:
            ModelError: One is NaN or infinite.
        """
        place, change = self.tiling.place(patch), self.tiling.within(change, patch)
        within = self.session.bound.within
        if within is not None:
            scores = self.whole + within(place)(change[None])[0].double()
            require_finite(self.session, scores)
            return scores
        assert self.output is not None
        changed = self.output.clone()
        changed[0][in_space(place)] += change
        return finite_scores(self.session, changed)[0].double()

    def _place(self, reader: Reader, tried: Tried) -> None:
        """Make a reader's map of a patch, and put it where it belongs."""
        request, target, layer = reader.request, reader.target, reader.request.layer
        assert request.open_piece is not None and target is not None and layer is not None
        whole = float(self.whole[target])
        change = None if tried.empty is None else whole - float(tried.empty[target])
        readout = opened_piece(request.open_piece(target, lambda volume: self.tiling.crop(volume, tried.patch), change))
        serving = tried.points.serving(layer)
        mine = slice(serving.start, serving.stop)
        sample = Sample(tried.points.weights[mine], serving, scores=tried.scores[mine, target], rows=tried.rows[mine])
        sample.whole_score, sample.activation = whole, tried.points.activations[layer][None]
        readout.update(sample)
        canvas = self.canvases.setdefault((request, target), Canvas(self.tiling, layer, self.session.scratch))
        canvas.place(readout.finish(), tried.patch)

    def _finish(self, reader: Reader) -> None:
        assert reader.target is not None
        values = self.canvases[reader.request, reader.target].total
        assert values is not None
        reader.blended = True
        if isinstance(reader.readout, Joining):
            reader.readout.join(values)
        else:
            reader.readout = Placed(values)
