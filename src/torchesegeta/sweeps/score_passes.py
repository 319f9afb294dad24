"""The passes at changed images: forwards only, whose scores serve the readers of all targets."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from torch import Tensor

from torchesegeta.sweeps.base import Read, Reader, Sample, pieces
from torchesegeta.sweeps.changed import JoinedPoints
from torchesegeta.sweeps.passes import score_pass
from torchesegeta.sweeps.readers import Readers


class ScorePasses:
    """One forward pass per chunk of points."""

    def __init__(self, points: JoinedPoints, readers: Readers) -> None:
        self.points, self.readers, self.session = points, readers, readers.session
        self.whole_scores: list[float] = self.session.scores.tolist()

    def chunk(self, chunk: range) -> None:
        """Run a chunk and hand every reader the scores of its target."""
        waiting = [reader for reader in self.readers.waiting(chunk) if self._mine(reader, chunk)]
        if not waiting:
            return
        batch = self.points.at(chunk)
        scores = score_pass(self.session, batch, nullcontext())
        for part in pieces(chunk):
            mine = slice(part.start - chunk.start, part.stop - chunk.start)
            reads = any(Read.INPUT_CHANGE in reader.request.reads for reader in waiting)
            change = self.session.data - batch[mine] if reads else None
            for reader in waiting:
                if self._mine(reader, part):
                    self.readers.hand(reader, partial(self._sample, reader, part, scores[mine], change), part)

    def _mine(self, reader: Reader, chunk: range) -> range:
        """The points of a chunk that a reader reads."""
        serving = self.points.serving(reader.request.series)
        return range(max(chunk.start, serving.start), min(chunk.stop, serving.stop))

    def _sample(self, reader: Reader, chunk: range, scores: Tensor, change: Tensor | None) -> Sample:
        part, target = self._mine(reader, chunk), reader.target
        assert target is not None, "what reads a score has a target"
        mine = slice(part.start - chunk.start, part.stop - chunk.start)
        sample = Sample(self.points.weights[part.start : part.stop], part, scores=scores[mine, target])
        sample.whole_score = self.whole_scores[target]
        if change is not None and Read.INPUT_CHANGE in reader.request.reads:
            sample.input_change = change[mine]
        return sample
