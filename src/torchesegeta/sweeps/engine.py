"""Runs a sweep once for all its readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchesegeta.errors import EsegetaError, IncompatibleError
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import NEEDS_LAYER, Read, Reader, Request, Sample, Sweep
from torchesegeta.sweeps.capture import Capture, Record
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.passes import activations_at, backward_pass, finite_scores, forward_pass, seeded_pass
from torchesegeta.sweeps.ruled import check_against_plain, ruled_pass
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
    sweeping = _Sweeping(sweep, session, requests)
    if sweep.count > 1:
        sweeping.open_readers()
    chunks = session.chunks()
    for chunk in chunks.split(sweep.count):
        chunks.run(chunk, sweeping.chunk)
        sweeping.seen.clear()
        if progress is not None:
            progress(chunk.stop, sweep.count)
    return sweeping.readers


class _Sweeping:
    """A sweep under way.

    Attributes:
        seen: Readers that had their sample of a point of the current chunk. If memory runs out midway, the chunk is run
            again in halves for the others only.
    """

    def __init__(self, sweep: Sweep, session: Session, requests: Sequence[Request]) -> None:
        self.points = sweep.points(session.data, session.key)
        self.rule = sweep.rule
        self.session = session
        self.requests = list(requests)
        self.readers: list[Reader] = []
        self.seen: defaultdict[int, set[Reader]] = defaultdict(set)
        self.corners: dict[Hashable, dict[str, Tensor]] = {}
        self.matched: dict[str, int] = {}
        self.before: Capture | None = None

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
        batch = self.points.at(chunk)
        requests = [r for r in self.requests if r.error is None]
        if not requests:
            return
        capture, scores = self._forward(chunk, batch, requests)
        records = self._records(capture)
        changes = self._changes(chunk, records)
        for target, readers, keep in self._groups(chunk):
            sample = self._sample_maker(chunk, records, changes, batch)
            if target is not None and scores is not None:
                whole = batch if any(Read.INPUT_GRADIENT in r.request.reads for r in readers) else None
                layers = _layers([r.request for r in readers], Read.LAYER_GRADIENT)
                edges = {layer: records[layer].edge for layer in layers}
                slopes = backward_pass(self.session, scores[:, target], whole, edges, keep=keep)
                sample = self._sample_maker(chunk, records, changes, batch, *slopes)
            for reader in readers:
                reader.matched = self.matched
                self._attempt(reader, partial(_hand, reader, sample))
                for point in chunk:
                    self.seen[point].add(reader)

    def _forward(self, chunk: range, batch: Tensor, requests: Sequence[Request]) -> tuple[Capture, Tensor | None]:
        """The chunk's forward pass: its records, and the scores if a request reads one."""
        scored = any(r.scored for r in requests)
        layers = _layers(requests, NEEDS_LAYER)
        if self.rule is not None and any(r.backward for r in requests):
            return self._forward_ruled(self.rule, chunk, batch, layers, scored=scored)
        output, capture = forward_pass(self.session, batch, layers, scored=any(r.backward for r in requests))
        self._open_after(output)
        return capture, finite_scores(self.session, output) if scored and output is not None else None

    def _forward_ruled(
        self, rule: Rule, chunk: range, batch: Tensor, layers: Sequence[str], *, scored: bool
    ) -> tuple[Capture, Tensor | None]:
        """The same under a rule; the target is bound in a plain pass before."""
        with nullcontext() if scored else suppress(EsegetaError):
            _ = self.session.bound
        self._open_after(None)
        reference = self.points.reference(chunk)
        passed = ruled_pass(self.session, batch, reference, layers, rule, scored=scored)
        if not self.matched:
            check_against_plain(self.session, rule, batch, passed.output)
        self.matched, self.before = passed.matched, passed.before
        return passed.capture, passed.scores

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

    def _changes(self, chunk: range, records: dict[str, Record]) -> dict[str, Tensor]:
        """Activation change of each layer over the spans of a chunk, (B, *layer)."""
        layers = _layers([r for r in self.requests if r.error is None], Read.CHANGE)
        if not layers:
            return {}
        if self.before is not None:
            return {layer: records[layer].values - self.before.record(layer).values for layer in layers}
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
        batch: Tensor,
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
            if Read.SEEDED_GRADIENT in request.reads and request.seed is not None:
                sample.input_gradient = seeded_pass(
                    self.session, request.layer, records[request.layer], batch, request.seed
                )
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


def _hand(reader: Reader, sample: Callable[[Request], Sample]) -> None:
    reader.readout.update(sample(reader.request))


def _layers(requests: Sequence[Request], reads: Read) -> list[str]:
    """The layers for which some of `reads` is needed, each once."""
    wanted = (r.layer for r in requests if r.layer is not None and r.reads & reads)
    return list(dict.fromkeys(wanted))
