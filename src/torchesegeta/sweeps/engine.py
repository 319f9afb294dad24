"""Runs a sweep once for all its readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.features import Windows
from torchesegeta.sweeps.base import NEEDS_LAYER, Points, Read, Reader, Request, Sample, Sweep
from torchesegeta.sweeps.capture import Capture, Record
from torchesegeta.sweeps.channels import ChannelPoints
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.foreign import Foreign, Scores
from torchesegeta.sweeps.guided import Walk
from torchesegeta.sweeps.local import Local, find_local, local_outputs
from torchesegeta.sweeps.mask import Mask, MaskPoints, OneOutPoints, Sources
from torchesegeta.sweeps.passes import activations_at, backward_pass, finite_scores, forward_pass, score_pass
from torchesegeta.sweeps.session import Session

Progress = Callable[[int, int], None]


def run_sweep(
    sweep: Sweep, requests: Sequence[Request], session: Session, progress: Progress | None = None
) -> list[Reader]:
    """Run a sweep over a session's image and hand every reader its samples.

    A request or reader that fails is marked with its error and left out; the others go on.

    Args:
        sweep: What to run.
        requests: What methods ask of it. Readouts get `start` and `update`; `finish` is the caller's.
        session: The image, before a model.
        progress: Called after each chunk with the points done and the points in all.

    Returns:
        A reader for every request and every target it reads; targets that are incompatible with the image have none.

    Raises:
        ModelError: The model cannot run the image, or scores are not finite.
        IncompatibleError: The target does not fit the output, or has no gradient.
    """
    points = points_of(sweep, session, requests)
    sweeping, count = _Sweeping(points, session, requests), len(points.weights)
    if count > 1 or isinstance(points, MaskPoints | Walk):
        sweeping.open_readers()
    if isinstance(sweep, Foreign):
        sweeping.open_readers()
        sweeping.ask(sweep)
        return sweeping.readers
    if isinstance(points, Walk):
        sweeping.walk(points, progress)
        return sweeping.readers
    if isinstance(points, OneOutPoints):
        sweeping.look_around(points)
    chunks = session.chunks()
    for chunk in chunks.split(count):
        chunks.run(chunk, sweeping.chunk)
        sweeping.seen.clear()
        if progress is not None:
            progress(chunk.stop, count)
    return sweeping.readers


def count_points(sweep: Sweep, session: Session) -> int:
    """Number of points of a sweep over a session's image."""
    return sweep.count or len(points_of(sweep, session, ()).weights)


def points_of(sweep: Sweep, session: Session, requests: Sequence[Request]) -> Points:
    """The points of a sweep; requests whose layer they cannot be made from are marked with the error."""
    if not isinstance(sweep, Mask):
        return sweep.points(session.data, session.key)
    activations = _usable_activations(sweep, session, requests) if sweep.layers else {}
    images, position = session.companions() if sweep.design.needs_set else ([], 0)
    sources = Sources(activations, images, position, key=str(session.seed))
    return sweep.points(session.data, session.key, sources)


def _usable_activations(sweep: Mask, session: Session, requests: Sequence[Request]) -> dict[str, Tensor]:
    refused = {request.layer for request in requests if request.error is not None}
    wanted = [layer for layer in sweep.layers if layer not in refused]
    _, capture = forward_pass(session, session.data[None].clone(), wanted, scored=False)
    usable: dict[str, Tensor] = {}
    for layer in wanted:
        try:
            activation = capture.record(layer).values[0]
            sweep.design.check(layer, activation, session.data)
            usable[layer] = activation
        except IncompatibleError as error:
            for request in (r for r in requests if r.layer == layer):
                request.error = error
    return usable


class _Sweeping:
    """A sweep under way.

    Attributes:
        seen: Readers that had their sample of a point of the current chunk. If memory runs out midway, the chunk is run
            again in halves for the others only.
    """

    def __init__(self, points: Points, session: Session, requests: Sequence[Request]) -> None:
        self.points = points
        self.session = session
        self.requests = list(requests)
        self.readers: list[Reader] = []
        self.local: Local | None = None
        self.seen: defaultdict[int, set[Reader]] = defaultdict(set)
        self.corners: dict[Hashable, dict[str, Tensor]] = {}

    def open_readers(self) -> None:
        """Make a reader for every request and target; binds the target if a request reads one."""
        for request in self.requests:
            for target in self._targets() if request.scored else [None]:
                reader = Reader(request, target, request.open(target))
                self._attempt(reader, reader.readout.start)
                self.readers.append(reader)

    def _targets(self) -> list[int]:
        bound = self.session.bound
        return [k for k, name in enumerate(bound.names) if name not in bound.incompatible]

    def chunk(self, chunk: range) -> None:
        """One forward pass, then for each target one backward pass and its readers' samples."""
        if isinstance(self.points, MaskPoints):
            return self._masked_chunk(chunk, self.points)
        batch = self.points.at(chunk)
        requests = [r for r in self.requests if r.error is None]
        if not requests:
            return
        scored = any(r.scored for r in requests)
        output, capture = forward_pass(self.session, batch, _layers(requests, NEEDS_LAYER), scored=scored)
        records = self._records(capture)
        self._open_after(output)
        changes = self._changes(chunk)
        scores = finite_scores(self.session, output) if scored and output is not None else None
        for target, readers, keep in self._groups(chunk):
            sample = self._sample_maker(chunk, records, changes)
            if target is not None and scores is not None:
                whole = batch if any(Read.INPUT_GRADIENT in r.request.reads for r in readers) else None
                layers = _layers([r.request for r in readers], Read.LAYER_GRADIENT)
                edges = {layer: records[layer].edge for layer in layers}
                slopes = backward_pass(self.session, scores[:, target], whole, edges, keep=keep)
                sample = self._sample_maker(chunk, records, changes, *slopes)
            for reader in readers:
                self._attempt(reader, partial(_hand, reader, sample))
                for point in chunk:
                    self.seen[point].add(reader)

    def _masked_chunk(self, chunk: range, points: MaskPoints) -> None:
        """One forward pass, whose scores serve the readers of all targets."""
        waiting = [r for _, readers, _ in self._groups(chunk) for r in readers]
        if not waiting:
            return
        batch, rows = points.masked(chunk)
        if self.local is not None and isinstance(points.regions, Windows):
            outputs = local_outputs(self.session, self.local, points.regions, batch, chunk)
            scores = finite_scores(self.session, outputs)
        else:
            scores = score_pass(self.session, batch, points.editing(self.session.runner.model, chunk))
        whole = self.session.scores.tolist()
        for reader in waiting:
            serving = points.serving(reader.request.layer)
            part = range(max(chunk.start, serving.start), min(chunk.stop, serving.stop))
            if part and reader.target is not None:
                sample = _masked_sample(points, reader.request.layer, part, rows, chunk)
                sample.scores = scores[part.start - chunk.start : part.stop - chunk.start, reader.target]
                sample.whole_score = whole[reader.target]
                self._attempt(reader, partial(reader.readout.update, sample))
            for point in chunk:
                self.seen[point].add(reader)

    def look_around(self, points: OneOutPoints) -> None:
        """Find out whether windows change only a part of the output; say why not where it would have paid."""
        if isinstance(points.regions, Windows):
            found = find_local(self.session, points.regions, points.replacement)
            self.local = found if isinstance(found, Local) else None
            for reader in self.readers if isinstance(found, str) else ():
                reader.note = f"every mask ran the whole image: {found}"

    def ask(self, sweep: Foreign) -> None:
        """Every reader's map from another library."""
        scores, weights = Scores(self.session), self.points.weights
        for reader in self.readers:
            if reader.target is None or reader.failed:
                continue
            whole = self.session.data[None]
            make = partial(sweep.attribute, scores, whole, reader.target, reader.request.layer)
            self._attempt(reader, partial(_take_map, reader, make, weights))

    def walk(self, walk: Walk, progress: Progress | None) -> None:
        """Each target's own path, step by step: every gradient decides on the next point."""
        self.session.require_gradient()
        steps, targets = len(walk.weights), sorted({r.target for r in self.readers if r.target is not None})
        for number, target in enumerate(targets):
            walk.restart()
            for step in range(steps):
                batch = walk.at(range(step, step + 1))
                output, _ = forward_pass(self.session, batch, (), scored=True)
                assert output is not None
                score = finite_scores(self.session, output)[:, target]
                slope, _ = backward_pass(self.session, score, batch, {}, keep=False)
                assert slope is not None
                sample = Sample(walk.weights[step : step + 1], range(step, step + 1), input_gradient=slope)
                sample.input_change = walk.advance(slope[0], step)[None]
                for reader in (r for r in self.readers if r.target == target and not r.failed):
                    self._attempt(reader, partial(reader.readout.update, sample))
                if progress is not None:
                    progress(number * steps + step + 1, len(targets) * steps)

    def _open_after(self, output: Tensor | None) -> None:
        """In a one-point sweep the point is the image: its own pass binds the target."""
        scored = any(r.scored for r in self.requests)
        if output is not None and len(self.points.weights) == 1 and not self.session.is_bound:
            try:
                self.session.bind(output)
            except EsegetaError:
                if scored:
                    raise
        if not self.readers:
            self.open_readers()
        if scored:
            self.session.require_gradient()

    def _groups(self, chunk: range) -> list[tuple[int | None, list[Reader], bool]]:
        """Readers by target, and whether another target follows."""
        waiting = [r for r in self.readers if not r.failed and r not in self.seen[chunk.start]]
        targets = sorted({r.target for r in waiting if r.target is not None})
        groups: list[tuple[int | None, list[Reader], bool]] = [(None, [r for r in waiting if r.target is None], True)]
        for k in targets:
            groups.append((k, [r for r in waiting if r.target == k], k != targets[-1]))
        return groups

    def _records(self, capture: Capture) -> dict[str, Record]:
        records = {}
        for request in self.requests:
            if request.layer is not None and request.error is None:
                try:
                    records[request.layer] = capture.record(request.layer)
                except IncompatibleError as error:
                    request.error = error
        return records

    def _changes(self, chunk: range) -> dict[str, Tensor]:
        """Activation change of each layer over the spans of a chunk, (B, *layer)."""
        layers = _layers([r for r in self.requests if r.error is None], Read.CHANGE)
        if not layers:
            return {}
        spans = [self.points.span(i) for i in chunk]
        needed = dict.fromkeys(name for span in spans for name in span)
        self.corners = {name: self.corners[name] for name in needed if name in self.corners}
        for name in needed:
            if name not in self.corners:
                self.corners[name] = activations_at(self.session, self.points.corner(name), layers)
        return {
            layer: torch.stack([self.corners[end][layer] - self.corners[start][layer] for start, end in spans])
            for layer in layers
        }

    def _sample_maker(
        self,
        chunk: range,
        records: dict[str, Record],
        changes: dict[str, Tensor],
        input_gradient: Tensor | None = None,
        slopes: dict[str, Tensor | IncompatibleError] | None = None,
    ) -> Callable[[Request], Sample]:
        """Makes each request's sample: with what it asked for and nothing else."""

        def make(request: Request) -> Sample:
            sample = Sample(self.points.weights[chunk.start : chunk.stop], chunk)
            if Read.INPUT_GRADIENT in request.reads:
                sample.input_gradient = input_gradient
                sample.input_change = self.points.input_change(chunk)
            if request.layer is None:
                return sample
            if Read.ACTIVATION in request.reads:
                sample.activation = records[request.layer].values
            if Read.CHANGE in request.reads:
                sample.change = changes[request.layer]
            if Read.LAYER_GRADIENT in request.reads and slopes is not None:
                slope = slopes[request.layer]
                if isinstance(slope, IncompatibleError):
                    raise slope
                sample.gradient = slope
            return sample

        return make

    @staticmethod
    def _attempt(reader: Reader, call: Callable[[], Any]) -> None:
        """A readout's failure is its own."""
        try:
            call()
        except Exception as error:
            if is_out_of_memory(error):
                raise
            reader.error = error


def _take_map(reader: Reader, make: Callable[[], Tensor], weights: Tensor) -> None:
    reader.readout.update(Sample(weights, range(1), input_gradient=make()))


def _masked_sample(points: MaskPoints, layer: str | None, part: range, rows: Tensor | None, chunk: range) -> Sample:
    """The sample of a part of a chunk, without its scores."""
    sample = Sample(points.weights[part.start : part.stop], part, regions=points.regions)
    sample.rows = None if rows is None else rows[part.start - chunk.start : part.stop - chunk.start]
    if isinstance(points, ChannelPoints) and layer is not None:
        sample.activation = points.activations[layer][None]
    return sample


def _hand(reader: Reader, sample: Callable[[Request], Sample]) -> None:
    reader.readout.update(sample(reader.request))


def _layers(requests: Sequence[Request], reads: Read) -> list[str]:
    """The layers for which some of `reads` is needed, each once."""
    wanted = (r.layer for r in requests if r.layer is not None and r.reads & reads)
    return list(dict.fromkeys(wanted))
