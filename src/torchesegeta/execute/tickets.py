"""Jobs by name, for a coordinator that knows neither models nor methods, and the order they are run in."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torchesegeta.ledger import Record


@dataclass(frozen=True)
class Ticket:
    """A job by the names of its image and methods.

    Attributes:
        image: Name of the image.
        labels: Of the tasks.
        passes: What it costs: forward and backward passes.
        timeout_s: Seconds its methods may take; None: any time.
        retries: How often it was tried before, with others or in another process.
        kind: Whether it makes maps, scores of the maps of its image, whose labels are `metric/method`, or
            compares these maps.
    """

    image: str
    labels: tuple[str, ...]
    passes: int
    timeout_s: float | None = None
    retries: int = 0
    kind: Literal["maps", "scores", "agreement"] = "maps"

    @property
    def things(self) -> str:
        """What its labels name."""
        return "methods" if self.kind == "maps" else "scores"

    def without(self, labels: Collection[str]) -> Ticket | None:
        """What is left of it; None where nothing is."""
        left = tuple(label for label in self.labels if label not in labels)
        return replace(self, labels=left) if left else None

    def again(self) -> Ticket:
        """The same, to be tried again."""
        return replace(self, retries=self.retries + 1)

    def apart(self) -> list[Ticket]:
        """Its tasks in halves, to be tried again: after at most log2(tasks) steps a guilty one is alone."""
        middle = len(self.labels) // 2
        parts = (self.labels[:middle], self.labels[middle:])
        return [replace(self, labels=part).again() for part in parts if part]


@dataclass(frozen=True)
class Blueprint:
    """A plan as the coordinator needs it.

    Attributes:
        folder: The run folder.
        identity: What makes the run what it is.
        about: What `run.json` says of the run before it has begun.
        images: Their files by the paths of their fields, by their names, in order.
        tickets: All jobs.
        blanks: For each label the records of its maps, one per place, as they are where there is none.
        devices: One per worker.
        timeout_s: Seconds the run may take.
        warnings: Of the whole run.
    """

    folder: Path
    identity: Record
    about: Record
    images: dict[str, dict[str, Path]]
    tickets: list[Ticket]
    blanks: dict[str, list[Record]]
    devices: list[str]
    timeout_s: float | None
    warnings: list[str]


class Queue:
    """The jobs that wait.

    A worker stays with its image, since it has read it and bound its target. It then takes up an image that nobody has,
    and at last helps others with theirs.

    Args:
        tickets: In the order of the config.
        costly_first: Whether what costs most comes first, which balances several workers; else the order is kept.
    """

    def __init__(self, tickets: Iterable[Ticket], *, costly_first: bool) -> None:
        self.costly_first = costly_first
        self.waiting: dict[str, list[Ticket]] = {}
        self.held: dict[str, list[Ticket]] = {}
        for ticket in tickets:
            place = self.waiting if ticket.kind == "maps" else self.held
            place.setdefault(ticket.image, []).append(ticket)
        fresh = list(self.waiting)
        if costly_first:
            for tickets in self.waiting.values():
                tickets.sort(key=lambda ticket: -ticket.passes)
            fresh.sort(key=lambda image: -sum(ticket.passes for ticket in self.waiting[image]))
        self.fresh = deque(fresh)
        self.count = sum(map(len, [*self.waiting.values(), *self.held.values()]))

    def __len__(self) -> int:
        return self.count

    def release(self, busy: Collection[str]) -> None:
        """Scores are no longer held back once all maps of their image are there.

        Args:
            busy: The images of which maps are being made.
        """
        for image in [image for image in self.held if image not in self.waiting and image not in busy]:
            self.waiting[image] = self.held.pop(image)

    def next(self, present: str | None) -> Ticket | None:
        """The next job of a worker.

        Args:
            present: The image it has at hand.
        """
        image = present if present in self.waiting else self._image()
        if image is None:
            return None
        self.count -= 1
        ticket = self.waiting[image].pop(0)
        if not self.waiting[image]:
            del self.waiting[image]
        return ticket

    def _image(self) -> str | None:
        """An image that nobody has; else one with which help is wanted most."""
        while self.fresh:
            image = self.fresh.popleft()
            if image in self.waiting:
                return image
        cost = {image: sum(ticket.passes for ticket in waiting) for image, waiting in self.waiting.items()}
        return max(cost, key=lambda image: cost[image] * self.costly_first) if cost else None

    def put_back(self, tickets: Iterable[Ticket]) -> None:
        """Jobs that are to be tried again, next."""
        for ticket in reversed(list(tickets)):
            self.count += 1
            self.waiting.setdefault(ticket.image, []).insert(0, ticket)

    def drop(self, image: str) -> list[Ticket]:
        """Take out the jobs of an image."""
        dropped = [*self.waiting.pop(image, []), *self.held.pop(image, [])]
        self.count -= len(dropped)
        return dropped

    def clear(self) -> list[Ticket]:
        """Take out all jobs."""
        return [ticket for image in dict.fromkeys([*self.waiting, *self.held]) for ticket in self.drop(image)]
