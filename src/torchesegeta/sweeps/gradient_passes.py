"""The passes of a sweep of gradients: forward once, backward for every target, under a rule where there is one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import nullcontext, suppress
from functools import partial

import torch
from torch import Tensor

from torchesegeta.errors import ConfigError, EsegetaError, IncompatibleError
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import SEEDED, Points, Read, Request, Sample
from torchesegeta.sweeps.capture import Capture, Record
from torchesegeta.sweeps.passes import activations_at, finite_scores, forward_pass
from torchesegeta.sweeps.readers import Readers, layers_of, watched
from torchesegeta.sweeps.ruled import check_against_plain, ruled_pass
from torchesegeta.sweeps.slopes import Slopes


class GradientPasses:
    """One forward pass per chunk of points, and a backward pass per target."""

    def __init__(self, points: Points, rule: Rule | None, readers: Readers) -> None:
        self.points, self.rule, self.readers, self.session = points, rule, readers, readers.session
        self.corners: dict[Hashable, dict[str, Tensor]] = {}
        self.matched: dict[str, int] = {}
        self.note: str | None = None
        self.input_change: Tensor | None = None
        self.before: Capture | None = None

    def chunk(self, chunk: range) -> None:
        """One forward pass, then for each target one backward pass and its readers' samples."""
        batch = self.points.at(chunk)
        requests = self.readers.usable
        if not requests:
            return
        capture, scores = self._forward(chunk, batch, requests)
        records = self._records(capture)
        changes = self._changes(chunk, records)
        wanted = any(Read.INPUT_GRADIENT in r.reads for r in requests)
        self.input_change = self.points.input_change(chunk) if wanted else None  # once: points may draw noise for it
        for target, readers, keep in self.readers.by_target(chunk):
            if target is not None and self.session.is_flat(target):
                continue
            mine = [reader.request for reader in readers if not reader.failed]
            score = None if target is None or scores is None else scores[:, target]
            slopes = Slopes(self.session, batch, records, mine, score, target, keep=keep)
            for reader in readers:
                reader.matched, reader.note = self.matched, self.note
                sample = partial(self._sample, reader.request, chunk, records, changes, slopes)
                self.readers.hand(reader, sample, chunk)

    def _forward(self, chunk: range, batch: Tensor, requests: Sequence[Request]) -> tuple[Capture, Tensor | None]:
        """The chunk's forward pass: its records, and the scores if a request reads one."""
        scored = any(r.scored for r in requests)
        if scored and self.session.runner.precision != "float32":
            self._bind(scored)  # before a graph is alive whose weights would be converted
        layers = watched(requests)
        if self.rule is not None and any(r.backward for r in requests):
            return self._forward_ruled(self.rule, chunk, batch, layers, scored=scored)
        output, capture = forward_pass(self.session, batch, layers, scored=any(r.backward for r in requests))
        self._open_after(output)
        return capture, finite_scores(self.session, output) if scored and output is not None else None

    def _forward_ruled(
        self, rule: Rule, chunk: range, batch: Tensor, layers: Sequence[str], *, scored: bool
    ) -> tuple[Capture, Tensor | None]:
        """The same under a rule.

        The target is bound in a plain pass before, unless the rule keeps the output; and where its pass fails, so that
        what is the rule's fault is told from what is the model's.
        """
        if not (rule.keeps_output and self.points.is_image):
            self._bind(scored)
        known = self.session.output is not None
        reference = self.points.reference(chunk)
        try:
            passed = ruled_pass(self.session, batch, reference, layers, rule, self._open_after, scored=scored)
        except EsegetaError:
            self._bind(scored)
            raise
        if known and not self.matched:
            check_against_plain(self.session, rule, batch, passed)
        self.matched, self.note, self.before = passed.matched, passed.note, passed.before
        return passed.capture, passed.scores

    def _bind(self, scored: bool) -> None:
        """Bind the target in a plain pass, unless it is bound; readers without one do without."""
        with nullcontext() if scored else suppress(ConfigError, IncompatibleError):
            _ = self.session.bound

    def _open_after(self, output: Tensor | None) -> None:
        """In a sweep over the image alone its own pass binds the target, where it is in float32."""
        binds = self.points.is_image and self.session.runner.precision == "float32"
        if output is not None and binds:
            with nullcontext() if self.readers.scored else suppress(EsegetaError):
                self.session.see(output[:1])
        self.readers.open()
        if self.readers.scored:
            self.session.require_gradient()

    def _records(self, capture: Capture) -> dict[str, Record]:
        records: dict[str, Record] = {}
        for request in self.readers.usable:
            try:
                for layer in watched([request]):
                    records[layer] = capture.record(layer)
                    if self.before is not None:
                        self.before.record(layer)  # may be refused where the image's is not
            except IncompatibleError as error:
                request.error = error
        return records

    def _changes(self, chunk: range, records: dict[str, Record]) -> dict[str, Tensor]:
        """Activation change of each layer over the spans of a chunk, (B, *layer)."""
        layers = layers_of(self.readers.usable, Read.CHANGE)
        if not layers:
            return {}
        if self.before is not None:
            starts = {layer: self.before.record(layer).values for layer in layers}
            return {layer: torch.sub(records[layer].values, x0, out=x0) for layer, x0 in starts.items()}
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

    def _sample(
        self,
        request: Request,
        chunk: range,
        records: dict[str, Record],
        changes: dict[str, Tensor],
        slopes: Slopes,
    ) -> Sample:
        """A request's sample: with what it asked for and nothing else."""
        reads, layer = request.reads, request.layer
        sample = Sample(self.points.weights[chunk.start : chunk.stop], chunk)
        if Read.INPUT_GRADIENT in reads:
            sample.input_gradient, sample.input_change = slopes.at_input, self.input_change
        if reads & SEEDED:
            sample.input_gradient, sample.gradient = slopes.seeded(request, sample)
        if layer is None:
            return sample
        if Read.ACTIVATION in reads:
            sample.activation = records[layer].values
        if Read.CHANGE in reads:
            sample.change = changes[layer]
        if Read.LAYER_GRADIENT in reads:
            sample.gradient = slopes.at(layer)
        if Read.CONTRAST in reads and request.seed is None:
            sample.gradient, sample.opposite = slopes.at(layer), slopes.opposite_at(layer)
        return sample
