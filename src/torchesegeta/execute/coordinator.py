"""A run under way: gives jobs to workers, ends those that hang, keeps the manifest. It imports no torch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeAlias

from torchesegeta.errors import EsegetaError, StoreError
from torchesegeta.execute.deadlines import GRACE, Watch
from torchesegeta.execute.events import Listener, Message, RunJob, WriteReport
from torchesegeta.execute.keeper import Keeper
from torchesegeta.execute.log import Level
from torchesegeta.execute.outcome import Outcome
from torchesegeta.execute.process import Hand
from torchesegeta.execute.seat import Seat
from torchesegeta.execute.tickets import Blueprint, Queue, Ticket

TRIES = 2
"""How often an image is prepared, or a worker started, that takes its process down each time."""
LOSSES = 3
"""How often a job's machine may be lost; after that the job is suspected of it."""

Hire: TypeAlias = Callable[[int], Hand]
"""Makes the worker of a number."""


class Coordinator:
    """A run.

    Args:
        hire: Makes workers.
        listen: Gets every event.
        level: The least that is logged.
    """

    def __init__(self, hire: Hire, listen: Listener, level: Level) -> None:
        self.hire, self.listen, self.level = hire, listen, level
        self.begun = time.monotonic()
        self.seats: list[Seat] = []
        self.outcome: Outcome | None = None
        self.number = self.jobs = 0
        self.deaths: Counter[str | int] = Counter()
        self.losses: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.lost: dict[int, str] = {}
        self.blueprint: Blueprint
        self.keeper: Keeper | None = None
        self.queue = Queue((), costly_first=False)

    @property
    def folder(self) -> Path | None:
        """The run folder, once it is open."""
        return self.keeper.folder if self.keeper is not None else None

    @property
    def _kept(self) -> Keeper:
        assert self.keeper is not None, "the run has begun"
        return self.keeper

    def go(self) -> Outcome:
        """Run to the end."""
        self._seat(0)
        while self.outcome is None:
            try:
                self._turn()
            except StoreError as error:
                if self.keeper is not None:
                    self.keeper.stop(str(error))
                self.outcome = Outcome("broken", str(error), folder=self.folder)
        return self.outcome

    def _turn(self) -> None:
        if self.keeper is not None:
            self._hand_out()
        if self.outcome is None:
            self._hear()
            self._end_the_late()

    def close(self) -> None:
        """End all workers, and let others write to the folder."""
        for seat in self.seats:
            seat.hand.kill()
        if self.keeper is not None:
            self.keeper.close()

    # What is to be done

    def _seat(self, number: int) -> None:
        seat = Seat(number, self.hire(number))
        self.seats.append(seat)
        seat.hand.start()

    def _hand_out(self) -> None:
        """Give every idle worker something to do; start workers where there is more."""
        if self._late():
            text = f"the run's {self.blueprint.timeout_s:g} s were over before it began"
            self._kept.give_up(self.queue.clear(), "timeout", text)
        self.queue.release({seat.ticket.image for seat in self.seats if seat.ticket and seat.ticket.kind == "maps"})
        for seat in self.seats:
            ticket = self.queue.next(seat.image) if seat.idle else None
            if ticket is not None:
                self._assign(seat, ticket)
        starting = sum(not seat.ready for seat in self.seats)
        for number in self._vacant()[: max(0, len(self.queue) - starting)]:
            self._seat(number)
        if not self.queue and not any(seat.ticket or seat.reporting for seat in self.seats):
            self._finish()
        elif not self.seats:
            self.outcome = Outcome("broken", "; ".join(self.lost.values()), folder=self.folder)

    def _vacant(self) -> list[int]:
        taken = {seat.number for seat in self.seats} | set(self.lost)
        return [number for number in range(len(self.blueprint.devices)) if number not in taken]

    def _assign(self, seat: Seat, ticket: Ticket) -> None:
        limits = [limit for limit in (ticket.timeout_s, self._left()) if limit is not None]
        within = min(limits) if limits else None
        seat.ticket, seat.watch, seat.sweeping, seat.records = ticket, Watch(within), False, []
        maps = self._kept.maps(ticket) if ticket.kind != "maps" else ()
        seat.hand.send(RunJob(ticket, within, tuple(maps)))

    def _finish(self) -> None:
        """All jobs are over: have the report written."""
        seat = next((seat for seat in self.seats if seat.idle), None)
        if seat is not None:
            for other in self.seats:
                if other is not seat:
                    other.hand.kill()
            self.seats = [seat]
            self._kept.finish()
            seat.reporting = True
            seat.hand.send(WriteReport())
        elif not self.seats:
            vacant = self._vacant()
            if vacant:
                self._seat(vacant[0])
            else:
                self.outcome = Outcome("broken", "; ".join(self.lost.values()), folder=self.folder)

    # What workers say

    def _hear(self) -> None:
        """Wait for something to happen, and take it in."""
        signs: dict[Any, Seat] = {sign: seat for seat in self.seats for sign in seat.hand.signs}
        ready = wait(list(signs), self._patience())
        for seat in dict.fromkeys(map(signs.__getitem__, ready), None):
            for message in seat.hand.messages():
                self._take(seat, message)
                if self.outcome is not None or seat not in self.seats:
                    return
            if seat.hand.ended:
                self._bury(seat)

    def _take(self, seat: Seat, message: Message) -> None:
        getattr(self, f"_on_{message['kind']}")(seat, message)

    def _on_planned(self, seat: Seat, message: Message) -> None:
        seat.ready = True
        self.deaths.pop(seat.number, None)
        if self.keeper is None:
            self._begin(message["blueprint"])

    def _begin(self, blueprint: Blueprint) -> None:
        """Open the run folder, and see what is left to do."""
        self.blueprint = blueprint
        try:
            self.keeper = Keeper(blueprint, self.listen, self.level)
        except EsegetaError as error:
            self.outcome = Outcome("refused", str(error))
            return
        left = self.keeper.left()
        self.queue = Queue(left, costly_first=len(blueprint.devices) > 1)
        self.jobs = len(left)
        self.keeper.start(left)

    def _on_image(self, seat: Seat, message: Message) -> None:
        assert seat.ticket is not None
        seat.advice = message["advice"]
        self.listen({"kind": "image", "image": seat.ticket.image, "worker": seat.number})

    def _on_prepared(self, seat: Seat, message: Message) -> None:
        assert seat.ticket is not None
        seat.image = seat.ticket.image
        self._kept.describe(message["record"])

    def _on_unusable(self, seat: Seat, message: Message) -> None:
        assert seat.ticket is not None
        ticket, seat.ticket = seat.ticket, None
        self._kept.give_up([ticket, *self.queue.drop(ticket.image)], message["status"], message["text"])
        self.listen({"kind": "done", "worker": seat.number})

    def _on_sweep(self, seat: Seat, message: Message) -> None:
        ticket = seat.ticket
        assert ticket is not None
        seat.sweeping, seat.advice = True, message["advice"]
        seat.watch.begin(time.monotonic())
        self.number += 1
        self.listen(
            {
                "kind": "job",
                "image": ticket.image,
                "labels": list(ticket.labels),
                "number": self.number,
                "jobs": self.jobs,
                "passes": ticket.passes,
                "worker": seat.number,
            }
        )

    def _on_progress(self, seat: Seat, message: Message) -> None:
        done, total = message["done"], message["total"]
        seat.watch.progress(done, time.monotonic())
        self.listen({"kind": "progress", "done": done, "total": total, "worker": seat.number})

    def _on_record(self, seat: Seat, message: Message) -> None:
        record = message["record"]
        seat.records.append(record)
        seat.watch.stored(time.monotonic())
        self._kept.tell_of(record, seat.number)

    def _on_task(self, seat: Seat, message: Message) -> None:
        assert seat.ticket is not None
        seat.watch.stored(time.monotonic())
        label = message["label"]
        records, seat.records = seat.records, []
        self._kept.close_task(seat.ticket.image, label, records)

    def _on_done(self, seat: Seat, message: Message) -> None:
        seat.ticket = None
        self._kept.now_and_then()
        self.listen({"kind": "done", "worker": seat.number})

    def _on_reported(self, seat: Seat, message: Message) -> None:
        counts, scores, report = self._kept.counts(), self._kept.counts("score"), message["text"]
        self.listen({"kind": "finished", "counts": counts, "scores": scores, "report": report})
        self.outcome = Outcome("finished", counts=counts, scores=scores, folder=self.folder, report=Path(report))

    def _on_refused(self, seat: Seat, message: Message) -> None:
        if self.keeper is None:
            self.outcome = Outcome("refused", message["text"])
        else:
            self._lose(seat, message["text"])

    def _on_broken(self, seat: Seat, message: Message) -> None:
        if self.keeper is not None and not seat.ready:
            self._lose(seat, message["text"])
        else:
            self.outcome = Outcome("broken", message["text"], folder=self.folder)

    # What goes wrong

    def _bury(self, seat: Seat) -> None:
        """A worker has died."""
        death = seat.hand.death
        if seat.reporting:
            self.outcome = Outcome("broken", f"{death} while it wrote the report", folder=self.folder)
        elif seat.ready:
            self._replace(seat, death, "failed")
        else:
            self._bury_a_beginner(seat, death)

    def _bury_a_beginner(self, seat: Seat, death: str) -> None:
        """A worker has died before it was ready. The first to plan is tried again only where its machine was lost."""
        self.deaths[seat.number] += 1
        again = self.deaths[seat.number] < TRIES
        if self.keeper is None and again and seat.hand.blameless:
            self._dismiss(seat)
            self._seat(seat.number)
        elif self.keeper is None:
            self.outcome = Outcome("refused", death)
        elif again:
            self._dismiss(seat)
        else:
            self._lose(seat, death)

    def _lose(self, seat: Seat, why: str) -> None:
        """A worker cannot be started."""
        self._dismiss(seat)
        self.lost[seat.number] = why
        self._kept.note(f"worker {seat.number} on {self.blueprint.devices[seat.number]} cannot start: {why}")

    def _dismiss(self, seat: Seat) -> None:
        seat.hand.kill()
        self.seats.remove(seat)

    def _replace(self, seat: Seat, why: str, status: str) -> None:
        """End a worker that hangs, or bury one; its job is tried again in halves, or has failed."""
        self._dismiss(seat)
        ticket, image = seat.ticket, seat.image
        if ticket is None:
            return
        left = ticket.without({label for name, label in self._kept.finished if name == ticket.image})
        if left is None:
            return
        if seat.hand.blameless and self._try_elsewhere(left, why):
            return
        about = (ticket.image, left.labels)
        if not seat.sweeping:
            self._died_early(seat, left, why, status)
        elif len(ticket.labels) > 1 and not self._late():
            self._kept.note(f"{why}; {_its(left)} tried again{' apart' if len(left.labels) > 1 else ''}", *about)
            parts = left.apart()
            self.queue.put_back(parts)
            self.jobs += len(parts)
        else:
            self._kept.note(f"{why}; going on without {', '.join(left.labels)} for {image}", *about)
            self._kept.give_up([left], status, f"{why} while {_ran(left)}{_advised(seat, status)}")

    def _try_elsewhere(self, ticket: Ticket, why: str) -> bool:
        """A worker's machine was lost: its job is tried again as it is, unless that happens to it again and again."""
        job = (ticket.image, ticket.labels)
        self.losses[job] += 1
        if self.losses[job] >= LOSSES or self._late():
            return False
        self._kept.note(f"{why}; {_its(ticket)} tried again")
        self.queue.put_back([ticket.again()])
        self.jobs += 1
        return True

    def _died_early(self, seat: Seat, ticket: Ticket, why: str, status: str) -> None:
        """A worker died while it read an image, or the model first ran on it."""
        image = ticket.image
        self.deaths[image] += 1
        if self.deaths[image] < TRIES and not self._late():
            self._kept.note(f"{why}; {image} is read again", image)
            self.queue.put_back([ticket.again()])
            return
        self._kept.note(f"{why}; going on without the image for {image}", image)
        reason = f"{why} while the image was read and the model first ran on it{_advised(seat, status)}"
        self._kept.give_up([ticket, *self.queue.drop(image)], status, reason)

    def _end_the_late(self) -> None:
        """End workers whose job goes on long after its deadline."""
        now = time.monotonic()
        for seat in list(self.seats):
            due = self._due(seat)
            if due is None or now < due:
                continue
            limit = self.blueprint.timeout_s if self._late() else seat.watch.limit
            self._replace(seat, f"the worker process was ended, since its {limit:.3g} s were long over", "timeout")

    def _due(self, seat: Seat) -> float | None:
        """When a worker is to be ended."""
        if seat.sweeping and seat.ticket is not None:
            return seat.watch.due
        left = self._left() if self.keeper is not None and seat.ticket is not None else None
        return None if left is None else time.monotonic() + left + GRACE

    def _patience(self) -> float | None:
        """Seconds until something is due; None: any time."""
        dues = [due for seat in self.seats if (due := self._due(seat)) is not None]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _left(self) -> float | None:
        """Seconds until the run's deadline."""
        limit = self.blueprint.timeout_s
        return None if limit is None else self.begun + limit - time.monotonic()

    def _late(self) -> bool:
        left = self._left()
        return left is not None and left <= 0


def _its(ticket: Ticket) -> str:
    count = len(ticket.labels)
    return f"its {count} {ticket.things} are" if count > 1 else f"{ticket.labels[0]} is"


def _ran(ticket: Ticket) -> str:
    return "this method ran" if ticket.kind == "maps" else "this score was worked out"


def _advised(seat: Seat, status: str) -> str:
    return f"; {seat.advice}" if status == "failed" and seat.advice else ""
