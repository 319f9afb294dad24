"""The passes of a sweep of gradients over an image that is run patch by patch: samples outside, patches inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.errors import IncompatibleError
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import Points, Read, Reader, Readout, Request, Sample
from torchesegeta.sweeps.blended import Blended, Placed
from torchesegeta.sweeps.gradient_passes import GradientPasses
from torchesegeta.sweeps.passes import finite_scores
from torchesegeta.sweeps.patch_batch import Cotangents, Linear, Parts, PatchBatch, PatchPoints
from torchesegeta.sweeps.patch_runner import PatchRunner
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.ruled import ruled_slopes
from torchesegeta.sweeps.session import Session


@dataclass(eq=False)
class Volumes:
    """Gradients at the points, added up patch by patch.

    Attributes:
        shape: (S, C, *spatial).
        points: The patches.
        of: By number of the target.
    """

    shape: tuple[int, ...]
    points: PatchPoints
    of: dict[int, Tensor] = field(default_factory=dict)

    def add(self, target: int, sample: Sample) -> None:
        """Add the gradients at some patches."""
        assert sample.input_gradient is not None
        slopes = at_least_single(sample.input_gradient)
        if target not in self.of:
            self.of[target] = slopes.new_zeros(self.shape)
        total = self.of[target]
        for row, slope in zip(sample.indices, slopes, strict=True):
            patch, number = self.points.split(row)
            self.points.tiling.add(total[number], slope, patch)


@dataclass(eq=False)
class _Share:
    """The readout that puts a patch's gradients where they belong."""

    volumes: Volumes
    target: int

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        self.volumes.add(self.target, sample)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return self.volumes.of[self.target]


class PatchRun:
    """All patches of some points, once.

    Args:
        session: The image before a model, with patches.
        points: Over the whole image.
        samples: Which of them.
        rule: What changes on the way back, or None.
        output: The prediction for the points, where it is known.
    """

    def __init__(
        self, session: Session, points: Points, samples: range, rule: Rule | None, output: Tensor | None = None
    ) -> None:
        assert session.tiling is not None
        self.session, self.points, self.samples, self.rule, self.output = session, points, samples, rule, output
        self.patches = PatchPoints(points, samples, session.tiling)
        self.volumes = Volumes((len(samples), *session.data.shape), self.patches)
        self.matched: dict[str, int] = {}
        self.note: str | None = None

    def run(self, requests: Sequence[Request], targets: set[int]) -> list[Reader]:
        """Run every patch for requests whose readouts take patches."""
        scored = any(request.scored for request in requests)
        batch = PatchBatch(self.session, self.patches, self._parts(targets) if scored else None, targets, self.rule)
        readers = Readers(batch, requests)
        readers.open()
        passes = GradientPasses(self.patches, self.rule, readers)
        matched: Counter[str] = Counter()
        chunks = batch.chunks(len(self.samples) if self.rule is not None and self.rule.in_parts else 1)

        def work(rows: range) -> None:
            batch.rows = rows
            passes.chunk(rows)
            for name, times in passes.matched.items():
                matched[name] += times * len(rows)

        for rows in chunks.split(len(self.patches.weights)):
            chunks.run(rows, work)
            readers.seen.clear()
            if readers.satisfied:
                break
        self.matched = {name: times // len(self.samples) for name, times in matched.items()}
        self.note = passes.note
        self._remember(batch)
        return readers.opened

    def gradient_request(self) -> Request:
        """For the gradients at the points, of every target."""
        return Request(Read.INPUT_GRADIENT, None, self._share)

    def _share(self, target: int | None) -> Readout:
        assert target is not None
        return _Share(self.volumes, target)

    def _parts(self, targets: set[int]) -> Parts:
        bound = self.session.bound
        if bound.within is not None:
            return Linear(bound)
        if self.rule is not None and self.rule.shares_out:
            raise IncompatibleError(
                f"{self.rule.name} shares out a score that is linear in the model's output: explain logits of a fixed "
                "region"
            )
        return Cotangents(len(bound.names), self._cotangents(targets))

    def _cotangents(self, targets: set[int]) -> dict[int, Tensor]:
        """∂score/∂prediction of each target, (S, C, *spatial), under the rule where it covers scores."""
        session, samples = self.session, self.samples
        reference = self.points.reference(samples)
        output = self.output if self.output is not None else self._stitch(self.points.at(samples))
        if self.rule is not None and reference is not None:
            return ruled_slopes(session, self.rule, output, self._stitch(reference), reference, targets)
        leaf = output.detach().requires_grad_()
        with torch.enable_grad():
            scores = finite_scores(session, leaf)
        last = max(targets)
        return {k: torch.autograd.grad(scores[:, k].sum(), leaf, retain_graph=k != last)[0] for k in sorted(targets)}

    def _stitch(self, points: Tensor) -> Tensor:
        runner = self.session.runner
        assert isinstance(runner, PatchRunner)
        return runner.stitch(points, self.session.image.extras)

    def _remember(self, batch: PatchBatch) -> None:
        scores, reference = batch.reference_scores(), self.points.reference(self.samples)
        if scores is not None and reference is not None and self.session.bound.within is not None:
            self.session.remember(reference, scores)


class PatchPasses:
    """Every point patch by patch: gradients add up to those of the whole prediction, maps of layers are blended."""

    def __init__(self, points: Points, rule: Rule | None, readers: Readers) -> None:
        self.points, self.rule, self.readers, self.session = points, rule, readers, readers.session
        self.placed = False

    def chunk(self, chunk: range) -> None:
        """Run some points for those who read gradients at the image, and once all of them for those who read layers."""
        if not self.readers.usable:
            return
        output, every = self._open(), range(len(self.points.weights))
        at_image = [reader for reader in self.readers.waiting(chunk) if not _reads_patches(reader.request)]
        if not self.placed:
            self.placed = True
            blends = [self._blend(request) for request in self.readers.usable if _reads_patches(request)]
            together = at_image if chunk == every else []
            if blends:
                self._run(every, output, [blend for blend in blends if blend is not None], together)
                at_image = [] if together else at_image
        if at_image:
            self._run(chunk, output, [], at_image)

    def _open(self) -> Tensor | None:
        """Bind the target and make the readers; the prediction, where it was made for it and is needed further."""
        session, output = self.session, None
        if self.readers.scored and self.points.is_image and not session.is_bound:
            runner = session.runner
            assert isinstance(runner, PatchRunner)
            output = runner.stitch(session.data[None], session.image.extras)
            if session.bind(output).within is not None:
                output = None
        self.readers.open()
        if self.readers.scored:
            session.require_gradient()
        return output

    def _blend(self, request: Request) -> Request | None:
        """The request whose readouts take patches; None where there can be none."""
        if request.scored and len(self.points.weights) > 1 and self.session.bound.within is None:
            request.error = IncompatibleError(
                "patch by patch, maps of layers from several points need a score that is linear in the model's output: "
                "explain logits of a fixed region"
            )
            return None
        assert self.session.tiling is not None
        blended = partial(Blended, self.session.tiling, request, len(self.points.weights))
        return Request(request.reads, request.layer, blended, request.seed)

    def _run(
        self, samples: range, output: Tensor | None, blends: Sequence[Request], at_image: Sequence[Reader]
    ) -> None:
        run = PatchRun(self.session, self.points, samples, self.rule, output)
        requests = [*blends, *([run.gradient_request()] if at_image else [])]
        if not requests:
            return
        wanted = {reader.target for reader in self.readers.opened if not reader.done}
        opened = run.run(requests, {target for target in wanted if target is not None})
        for reader in opened:
            if isinstance(reader.readout, Blended):
                self._place(reader, reader.readout, run)
        self._hand(
            run, {reader.target: reader for reader in opened if not isinstance(reader.readout, Blended)}, at_image
        )

    def _place(self, inner: Reader, blended: Blended, run: PatchRun) -> None:
        """Give the map that was blended to whoever waits for it."""
        blended.request.error = blended.request.error or inner.request.error
        for reader in self.readers.opened:
            if reader.request is blended.request and reader.target == inner.target:
                reader.error = reader.error or inner.error
                reader.matched, reader.note, reader.blended = run.matched, run.note, True
                reader.readout = Placed(blended.total)

    def _hand(self, run: PatchRun, inner: dict[int | None, Reader], readers: Sequence[Reader]) -> None:
        """Give the gradients at some points to whoever waits for them; each is let go once it is read."""
        if not readers:
            return
        chunk = run.samples
        change = self.points.input_change(chunk)
        for target in sorted({reader.target for reader in readers if reader.target is not None}):
            found = inner[target]
            sample = Sample(self.points.weights[chunk.start : chunk.stop], chunk, input_change=change)
            sample.input_gradient = run.volumes.of.pop(target, None)
            for reader in (reader for reader in readers if reader.target == target):
                reader.error = reader.error or found.error or found.request.error
                reader.matched, reader.note = run.matched, run.note
                self.readers.hand(reader, lambda sample=sample: sample, chunk)  # type: ignore[misc]


def _reads_patches(request: Request) -> bool:
    """Whether a request reads layers, which each patch has its own of."""
    return request.layer is not None or request.seed is not None


class _One(Points):
    """A single point."""

    def __init__(self, point: Tensor) -> None:
        self.point, self.weights = point, point.new_ones(1)

    def at(self, indices: range) -> Tensor:
        return self.point


def gradient_at(session: Session, point: Tensor, target: int) -> Tensor:
    """The gradient of one target at a point (1, C, *spatial), patch by patch.

    Raises:
        Exception: There is none.
    """
    run = PatchRun(session, _One(point), range(1), None)
    (reader,) = run.run([run.gradient_request()], {target})
    error = reader.error or reader.request.error
    if error is not None:
        raise error
    return run.volumes.of[target]
