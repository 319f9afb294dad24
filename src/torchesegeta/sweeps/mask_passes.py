"""The passes of a mask sweep: forwards only, whose scores serve the readers of all targets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from torchesegeta.errors import IncompatibleError
from torchesegeta.features import Windows
from torchesegeta.sweeps.base import Reader, Request, Sample, pieces
from torchesegeta.sweeps.channels import ChannelPoints
from torchesegeta.sweeps.coalitions import Coalitions, RowPoints
from torchesegeta.sweeps.games import Games
from torchesegeta.sweeps.local import Local, find_local, local_scores
from torchesegeta.sweeps.mask import Mask, MaskPoints, OneOutPoints, Sources
from torchesegeta.sweeps.passes import forward_pass, score_pass
from torchesegeta.sweeps.patch_masks import PatchScores
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.session import Session


def mask_points(sweep: Mask, session: Session, requests: Sequence[Request]) -> MaskPoints:
    """The points of a mask sweep; requests whose layer they cannot be made from are marked with the error.

    Raises:
        IncompatibleError: No masks can be made.
    """
    activations = usable_activations(sweep, session, session.data, requests) if sweep.layers else {}
    images = session.image_set if sweep.design.needs_set else None
    position = 0 if images is None else images.numbers[session.image.name]
    sources = Sources(activations, images, position, key=str(session.seed))
    return sweep.points(session.data, session.key, sources)


def usable_activations(sweep: Mask, session: Session, data: Tensor, requests: Sequence[Request]) -> dict[str, Tensor]:
    """Activations (C, *layer) at an image (C, *spatial) from which a sweep's masks can be made, by layer.

    Requests that read other layers are marked with the error.
    """
    refused = {request.layer for request in requests if request.error is not None}
    wanted = [layer for layer in sweep.layers if layer not in refused]
    _, capture = forward_pass(session, data[None].clone(), wanted, scored=False)
    usable: dict[str, Tensor] = {}
    for layer in wanted:
        try:
            activation = capture.record(layer).values[0]
            sweep.design.check(layer, activation, data)
            usable[layer] = activation
        except IncompatibleError as error:
            for request in (r for r in requests if r.layer == layer):
                request.error = error
    return usable


class MaskPasses:
    """One forward pass per chunk of masks."""

    def __init__(self, points: MaskPoints, readers: Readers) -> None:
        self.points, self.readers, self.session = points, readers, readers.session
        self.whole_scores: list[float] = self.session.scores.tolist()
        self.tallied = 0
        self.patches = PatchScores(self.session) if self.session.tiling is not None else None
        self.local = self._look_around(points) if isinstance(points, OneOutPoints) else None

    def play(self, sweep: Mask, deadline: float | None) -> None:
        """Let each patch's features play for themselves, where scores are sums over patches and maps of them too."""
        linear = self.patches is not None and self.patches.linear
        if linear and isinstance(sweep.design, Coalitions) and isinstance(self.points, RowPoints):
            assert self.patches is not None
            Games(sweep.design, self.points, self.patches).play(self.readers, deadline)

    def chunk(self, chunk: range) -> None:
        """Run a chunk and hand every reader the scores of its target."""
        waiting = self.readers.waiting(chunk)
        if not waiting:
            return
        scores, rows = self._scores(chunk)
        for part in pieces(chunk):
            mine = slice(part.start - chunk.start, part.stop - chunk.start)
            shown = scores[mine], None if rows is None else rows[mine]
            if part.start >= self.tallied:  # a chunk that ran out of memory in a readout comes again, in halves
                self.points.tally(shown[1], shown[0] - self.session.scores)
                self.tallied = part.stop
            for reader in waiting:
                self.readers.hand(reader, partial(self._sample, reader, part, *shown), part)

    @property
    def most(self) -> int:
        """Masks that are worked on at once, where only parts of them are run."""
        return 1 if self.patches is None else self.patches.most(self.points)

    def _look_around(self, points: OneOutPoints) -> Local | None:
        """Whether windows change only a part of the output; says why not where it would have paid."""
        if not isinstance(points.regions, Windows) or self.patches is not None:
            return None
        found = find_local(self.session, points.regions, points.replacement)
        for reader in self.readers.opened if isinstance(found, str) else ():
            reader.note = f"every mask ran the whole image: {found}"
        return found if isinstance(found, Local) else None

    def _scores(self, chunk: range) -> tuple[Tensor, Tensor | None]:
        """Scores (B, K) of masked images, and their rows of the design."""
        if self.patches is not None:
            return self.patches.of(self.points, chunk)
        batch, rows = self.points.masked(chunk)
        if self.local is not None and isinstance(self.points.regions, Windows):
            return local_scores(self.session, self.local, self.points.regions, batch, chunk), rows
        return score_pass(self.session, batch, self.points.editing(self.session.runner.model, chunk)), rows

    def _sample(self, reader: Reader, chunk: range, scores: Tensor, rows: Tensor | None) -> Sample | None:
        """What a chunk says to a reader: None where its masks are another layer's."""
        points, layer, target = self.points, reader.request.layer, reader.target
        serving = points.serving(layer)
        part = range(max(chunk.start, serving.start), min(chunk.stop, serving.stop))
        if not part or target is None:
            return None
        mine = slice(part.start - chunk.start, part.stop - chunk.start)
        sample = Sample(points.weights[part.start : part.stop], part, scores=scores[mine, target])
        sample.whole_score, sample.sums = self.whole_scores[target], points.sums_of(target)
        sample.regions, sample.rows = points.regions, None if rows is None else rows[mine]
        if isinstance(points, ChannelPoints) and layer is not None:
            sample.activation = points.activations[layer][None]
        return sample
