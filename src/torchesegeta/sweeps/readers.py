"""The readers of a sweep under way: who waits for which point, and who failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from torchesegeta.sweeps.base import NEEDS_LAYER, Read, Reader, Request, Sample
from torchesegeta.sweeps.chunks import is_out_of_memory
from torchesegeta.sweeps.session import Session


class Readers:
    """A reader for every request and every target it reads.

    Attributes:
        requests: What methods ask of the sweep.
        opened: The readers, once they are there.
        seen: Readers that had their sample of a point of the current chunk. If memory runs out midway, the chunk is run
            again in halves for the others only.
    """

    def __init__(self, session: Session, requests: Sequence[Request]) -> None:
        self.session = session
        self.requests = list(requests)
        self.opened: list[Reader] = []
        self.seen: defaultdict[int, set[Reader]] = defaultdict(set)

    @property
    def usable(self) -> list[Request]:
        """Requests that can still be met and have readers that want more."""
        waiting = {reader.request for reader in self.opened if not reader.done}
        return [q for q in self.requests if q.error is None and (q in waiting or not self.opened)]

    @property
    def satisfied(self) -> bool:
        """Whether no reader wants more."""
        return bool(self.opened) and all(reader.done for reader in self.opened)

    @property
    def scored(self) -> bool:
        """Whether any request reads a target."""
        return any(request.scored for request in self.requests)

    def open(self) -> None:
        """Make the readers, unless they are there; binds the target if a request reads one."""
        if self.opened:
            return
        for request in self.requests:
            for target in self._targets(request) if request.scored else [None]:
                reader = Reader(request, target, request.open(target))
                self.attempt(reader, reader.readout.start)
                self.opened.append(reader)

    def _targets(self, request: Request) -> list[int]:
        bound = self.session.bound
        compatible = [k for k, name in enumerate(bound.names) if name not in bound.incompatible]
        return [k for k in compatible if request.targets is None or k in request.targets]

    def waiting(self, chunk: range) -> list[Reader]:
        """Readers that have yet to get their sample of a chunk, or of a part of it."""
        wanting = [reader for reader in self.opened if not reader.done]
        return [reader for reader in wanting if any(reader not in self.seen[point] for point in chunk)]

    def by_target(self, chunk: range) -> Iterator[tuple[int | None, list[Reader], bool]]:
        """Those who wait, target by target, first those without one; and whether another target follows."""
        waiting = self.waiting(chunk)
        targets = sorted({reader.target for reader in waiting if reader.target is not None})
        yield None, [reader for reader in waiting if reader.target is None], True
        for target in targets:
            yield target, [reader for reader in waiting if reader.target == target], target != targets[-1]

    def hand(self, reader: Reader, sample: Callable[[], Sample | None], chunk: range) -> None:
        """Make a reader's sample of a chunk and hand it over; None: nothing in the chunk speaks to it."""
        self.attempt(reader, partial(self._feed, reader, sample))
        self._note(reader, chunk)

    def _feed(self, reader: Reader, make: Callable[[], Sample | None]) -> None:
        sample = make()
        for part in sample.parts() if sample is not None else ():
            if not reader.done and reader not in self.seen[part.indices.start]:
                reader.readout.update(part)
                self._note(reader, part.indices)

    def expire(self, done: int, count: int) -> None:
        """The deadline has come: those who still want samples make do with what they have, or fail."""
        for reader in self.opened:
            if reader.done:
                continue
            if getattr(reader.readout, "sound", False):
                reader.stopped = done
            else:
                reader.error = TimeoutError(f"the deadline came after {done} of {count} points")

    def expire_all(self, why: str) -> None:
        """The deadline has come, and no map is sound without the rest."""
        for reader in self.opened:
            if not reader.done:
                reader.error = TimeoutError(why)

    def _note(self, reader: Reader, points: range) -> None:
        for point in points:
            self.seen[point].add(reader)

    @staticmethod
    def attempt(reader: Reader, call: Callable[[], Any]) -> None:
        """A readout's failure is its own."""
        try:
            call()
        except Exception as error:
            if is_out_of_memory(error):
                raise
            reader.error = error


def watched(requests: Sequence[Request]) -> list[str]:
    """All layers that requests read or start from, each once."""
    seeds = (request.seed.layer for request in requests if request.seed is not None)
    return list(dict.fromkeys([*layers_of(requests, NEEDS_LAYER), *seeds]))


def layers_of(requests: Sequence[Request], reads: Read) -> list[str]:
    """The layers for which some of `reads` is needed, each once."""
    wanted = (request.layer for request in requests if request.layer is not None and request.reads & reads)
    return list(dict.fromkeys(wanted))
