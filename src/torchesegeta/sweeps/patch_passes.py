"""The passes of a sweep of gradients over an image that is run patch by patch: samples outside, patches inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from torchesegeta.arrays import at_least_single
from torchesegeta.errors import IncompatibleError
from torchesegeta.rules import Rule
from torchesegeta.sweeps.base import Points, Read, Reader, Request, Sample, Seed
from torchesegeta.sweeps.blended import Blended, Canvas, Joining, Placed
from torchesegeta.sweeps.gradient_passes import GradientPasses
from torchesegeta.sweeps.passes import finite_scores
from torchesegeta.sweeps.patch_batch import Cotangents, Linear, Parts, PatchBatch, PatchPoints, linear_reach, reached
from torchesegeta.sweeps.patch_runner import PatchRunner
from torchesegeta.sweeps.readers import Readers
from torchesegeta.sweeps.ruled import ruled_slopes
from torchesegeta.sweeps.scratch import Scratch
from torchesegeta.sweeps.session import Session

Key = tuple[Seed | None, int | None]


@dataclass(eq=False)
class Volumes:
    """Gradients at the points, added up patch by patch.

    Attributes:
        shape: (S, C, *spatial).
        scratch: Makes the volumes.
        of: By where the gradient starts, and number of the target.
    """

    shape: tuple[int, ...]
    scratch: Scratch
    of: dict[Key, Tensor] = field(default_factory=dict)

    def add(self, key: Key, sample: Sample, points: PatchPoints) -> None:
        """Add the gradients at some patches."""
        assert sample.input_gradient is not None
        slopes = at_least_single(sample.input_gradient)
        total = self.at(key, slopes)
        for row, slope in zip(sample.indices, slopes, strict=True):
            patch, number = points.split(row)
            points.tiling.add(total[number], slope, patch)

    def at(self, key: Key, like: Tensor) -> Tensor:
        """What there is, zeros where no patch has added anything."""
        if key not in self.of:
            self.of[key] = self.scratch.zeros(self.shape, like)
        return self.of[key]


@dataclass(eq=False)
class _Share:
    """The readout that puts a patch's gradients where they belong."""

    run: PatchRun
    key: Key

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        assert self.run.batch is not None
        self.run.volumes.add(self.key, sample, self.run.batch.points)

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return self.run.volumes.at(self.key, self.run.session.data)


@dataclass(eq=False)
class _Masses:
    """The readout that adds up what target and opposite have at a layer of all patches."""

    mine: float = 0.0
    other: float = 0.0

    def start(self) -> None:
        """See `Readout.start`."""

    def update(self, sample: Sample) -> None:
        """See `Readout.update`."""
        assert sample.gradient is not None and sample.opposite is not None
        self.mine += float(sample.gradient.double().sum())
        self.other += float(sample.opposite.double().sum())

    def finish(self) -> Tensor:
        """See `Readout.finish`."""
        return torch.tensor([self.mine, self.other])


class PatchRun:
    """The patches of some points, once: those where a score that is read has a slope, all where others are read too.

    Args:
        session: The image before a model, with patches.
        points: Over the whole image.
        samples: Which of them.
        rule: What changes on the way back, or None.
        output: The prediction for the points, where it is known.

    Attributes:
        batch: The patches that are run.
    """

    def __init__(
        self, session: Session, points: Points, samples: range, rule: Rule | None, output: Tensor | None = None
    ) -> None:
        assert session.tiling is not None
        self.session, self.tiling, self.points, self.samples = session, session.tiling, points, samples
        self.rule, self.output = rule, output
        self.volumes = Volumes((len(samples), *session.data.shape), session.scratch)
        self.batch: PatchBatch | None = None
        self.matched: dict[str, int] = {}
        self.note: str | None = None

    def run(
        self, requests: Sequence[Request], targets: set[int], *, weighted: bool = True, every: bool = False
    ) -> list[Reader]:
        """Run patches for requests whose readouts take them.

        Args:
            requests: What is read.
            targets: Numbers of the scores that are.
            weighted: See `PatchBatch.weighted`.
            every: Leave no patch out.
        """
        scored = any(request.scored for request in requests)
        parts = self._parts(targets) if scored else None
        reach = self._reach(parts, targets, every)
        known = all(request.scored for request in requests)
        chosen = [patch for patch, scores in reach.items() if scores or not known]
        points = PatchPoints(self.points, self.samples, self.tiling, chosen)
        self.batch = PatchBatch(self.session, points, parts, reach, self.rule)
        self._measure(requests)
        self.batch.weighted = weighted
        readers = self._pass(requests)
        if weighted:
            self._remember(self.batch)
        return readers.opened

    def _pass(self, requests: Sequence[Request]) -> Readers:
        """Run the patches of the batch."""
        batch = self.batch
        assert batch is not None
        readers = Readers(batch, requests)
        readers.open()
        for reader in readers.opened:
            if isinstance(reader.readout, Blended):
                reader.readout.batch = batch
        passes = GradientPasses(batch.points, self.rule, readers)
        matched: Counter[str] = Counter()
        chunks = batch.chunks(len(self.samples) if self.rule is not None and self.rule.in_parts else 1)

        def work(rows: range) -> None:
            batch.rows = rows
            passes.chunk(rows)
            for name, times in passes.matched.items():
                matched[name] += times * len(rows)

        for rows in chunks.split(len(batch.points.weights)):
            chunks.run(rows, work)
            readers.seen.clear()
            if readers.satisfied:
                break
        self.matched = {name: times // len(self.samples) for name, times in matched.items()}
        self.note = passes.note
        return readers

    def _measure(self, requests: Sequence[Request]) -> None:
        """Find out, in a pass before, what a layer of all patches holds, for seeds that compare shares of it."""
        assert self.batch is not None
        layers = {request.seed.layer for request in requests if request.seed is not None and request.seed.shares}
        reads = Read.CONTRAST | Read.ACTIVATION
        wanted = [Request(reads, layer, lambda target: _Masses()) for layer in sorted(layers)]
        for reader in self._pass(wanted).opened if wanted else ():
            masses, layer = reader.readout, reader.request.layer
            if isinstance(masses, _Masses) and layer is not None and reader.target is not None and not reader.failed:
                self.batch.masses[layer, reader.target] = (masses.mine, masses.other)

    def gradient_request(self, reads: Read = Read.INPUT_GRADIENT, seed: Seed | None = None) -> Request:
        """For the gradients at the points, of every target, from the score or from a seed."""
        return Request(reads, None, lambda target: _Share(self, (seed, target)), seed)

    def _reach(self, parts: Parts | None, targets: set[int], every: bool) -> dict[int, frozenset[int]]:
        """By number of the patch those of the targets that have a slope there; in the first, should there be none."""
        tiling, session = self.tiling, self.session
        if every or parts is None:
            return dict.fromkeys(range(tiling.count), frozenset(targets))
        nonlinear = isinstance(parts, Cotangents)
        found = reached(parts, tiling, len(self.samples)) if nonlinear else linear_reach(session)
        found = {patch: scores & targets for patch, scores in found.items()}
        return found if any(found.values()) else {**found, 0: frozenset(targets)}

    def _parts(self, targets: set[int]) -> Parts:
        session = self.session
        bound = session.bound
        if bound.within is not None:
            return Linear(bound, session.data.new_zeros(session.channels))
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
        return {
            k: session.scratch.keep(torch.autograd.grad(scores[:, k].sum(), leaf, retain_graph=k != last)[0])
            for k in sorted(targets)
        }

    def _stitch(self, points: Tensor) -> Tensor:
        runner = self.session.runner
        assert isinstance(runner, PatchRunner)
        return runner.stitch(points, self.session.image.extras)

    def _remember(self, batch: PatchBatch) -> None:
        scores, reference = batch.reference_scores(), self.points.reference(self.samples)
        if scores is not None and reference is not None and self.session.bound.within is not None:
            self.session.remember(reference, scores)


class PatchPasses:
    """Every point patch by patch: gradients add up to those of the whole prediction, maps of layers are blended.

    What adds up counts by the blending weights; a map that is blended shows the patch as if it stood for the prediction
    in its place, or it would count twice how many patches do. So each kind has a run of its own where patches overlap.
    Those who read layers get all points of a patch, then the next patch's, so that one patch's readouts are alive.
    Where the score is not linear in the prediction, each point has a prediction first, and all patches' readouts stay.
    """

    def __init__(self, points: Points, rule: Rule | None, readers: Readers) -> None:
        self.points, self.rule, self.readers, self.session = points, rule, readers, readers.session
        self.every = range(len(points.weights))
        self.blends: list[Request] | None = None

    def chunk(self, chunk: range) -> None:
        """Run some points for those who read gradients at the image, and for those who read layers."""
        if not self.readers.usable:
            return
        output = self._open()
        at_image = [reader for reader in self.readers.waiting(chunk) if not _reads_patches(reader.request)]
        first = self.blends is None
        if self.blends is None:
            self.blends = [self._blend(request) for request in self.readers.usable if _reads_patches(request)]
        if output is None and self.readers.scored and self.session.bound.within is None:
            output = self._prediction(chunk)
        if self.blends and not self._at_once:
            self._run(chunk, output, self.blends, [])
        elif self.blends and first:
            apart = chunk != self.every or self._overlaps
            self._run(self.every, output, self.blends, [] if apart else at_image)
            at_image = at_image if apart else []
        if at_image:
            self._run(chunk, output, [], at_image)

    @property
    def _overlaps(self) -> bool:
        assert self.session.tiling is not None
        return self.session.tiling.overlaps

    def _prediction(self, chunk: range) -> Tensor:
        """The prediction for some points."""
        runner = self.session.runner
        assert isinstance(runner, PatchRunner)
        return runner.stitch(self.points.at(chunk), self.session.image.extras)

    @property
    def _at_once(self) -> bool:
        """Whether all points of a patch may be run together: where no point needs a prediction before."""
        scored = any(request.scored for request in self.blends or ())
        return len(self.every) == 1 or not scored or self.session.bound.within is not None

    def _open(self) -> Tensor | None:
        """Bind the target and make the readers; the prediction, where it was made for it and is needed further."""
        session, output = self.session, None
        binds = self.points.is_image and session.runner.precision == "float32"
        if self.readers.scored and binds and not session.is_bound:
            output = self._prediction(range(1))
            if session.bind(output).within is not None:
                output = None
        self.readers.open()
        if self.readers.scored:
            session.require_gradient()
        return output

    def _blend(self, request: Request) -> Request:
        """The request whose readouts take patches."""
        assert self.session.tiling is not None
        tiling, scratch, made = self.session.tiling, self.session.scratch, dict[int | None, Blended]()

        def blended(target: int | None) -> Blended:
            if target not in made:
                made[target] = Blended(Canvas(tiling, request.layer, scratch), request, len(self.every), target)
            return made[target]

        return Request(request.reads, request.layer, blended, request.seed)

    def _run(
        self, samples: range, output: Tensor | None, blends: Sequence[Request], at_image: Sequence[Reader]
    ) -> None:
        run = PatchRun(self.session, self.points, samples, self.rule, output)
        asked = {reader.request.seed: reader.request.reads for reader in at_image}
        requests = [*blends, *(run.gradient_request(reads, seed) for seed, reads in asked.items())]
        wanted = {reader.target for reader in self.readers.opened if not reader.done}
        every = samples != self.every and bool(blends)
        targets = {target for target in wanted if target is not None}
        opened = run.run(requests, targets, weighted=not (blends and self._overlaps), every=every)
        for reader in opened:
            if isinstance(reader.readout, Blended):
                self._place(reader, reader.readout, run)
        inner = {reader.readout.key: reader for reader in opened if isinstance(reader.readout, _Share)}
        self._hand(run, inner, at_image)

    def _place(self, inner: Reader, blended: Blended, run: PatchRun) -> None:
        """Give the map that was blended to whoever waits for it, once it is whole."""
        blended.request.error = blended.request.error or inner.request.error
        for reader in self.readers.opened:
            if reader.request is blended.request and reader.target == inner.target:
                reader.error = reader.error or inner.error
                reader.matched, reader.note, reader.blended = run.matched, run.note, True
                if run.samples.stop != self.every.stop or reader.failed:
                    continue
                if isinstance(reader.readout, Joining):
                    self.readers.attempt(reader, partial(reader.readout.join, blended.finish()))
                else:
                    reader.readout = Placed(blended.finish())

    def _hand(self, run: PatchRun, inner: Mapping[Key, Reader], readers: Sequence[Reader]) -> None:
        """Give the gradients at some points to whoever waits for them; each is let go once it is read."""
        chunk = run.samples
        change = self.points.input_change(chunk) if readers else None
        for key in dict.fromkeys((reader.request.seed, reader.target) for reader in readers):
            found = inner[key]
            sample = Sample(self.points.weights[chunk.start : chunk.stop], chunk, input_change=change)
            failed = found.error or found.request.error
            sample.input_gradient = None if failed else found.readout.finish()
            run.volumes.of.pop(key, None)
            for reader in (reader for reader in readers if (reader.request.seed, reader.target) == key):
                reader.error = reader.error or failed
                reader.matched, reader.note = run.matched, run.note
                self.readers.hand(reader, lambda sample=sample: sample, chunk)  # type: ignore[misc]


def _reads_patches(request: Request) -> bool:
    """Whether a request reads layers, which each patch has its own of, or a seed's gradient that is no share."""
    return request.layer is not None or (request.seed is not None and Read.CONTRAST not in request.reads)


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
    return reader.readout.finish()
