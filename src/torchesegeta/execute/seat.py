"""A worker and what it is at."""

from __future__ import annotations

from dataclasses import dataclass, field

from torchesegeta.execute.deadlines import Watch
from torchesegeta.execute.process import Hand
from torchesegeta.execute.tickets import Ticket
from torchesegeta.ledger import Record


@dataclass(eq=False)
class Seat:
    """A worker at work.

    Attributes:
        number: Which of the run's workers it is.
        hand: The worker.
        ready: Whether it has planned.
        image: The image it has at hand.
        ticket: Its job.
        watch: Of its job.
        sweeping: Whether its job has come further than preparing the image.
        reporting: Whether it writes the report.
        advice: What to try should it die for want of memory.
        records: What it told of a task that is not complete.
    """

    number: int
    hand: Hand
    ready: bool = False
    image: str | None = None
    ticket: Ticket | None = None
    watch: Watch = field(default_factory=lambda: Watch(None))
    sweeping: bool = False
    reporting: bool = False
    advice: str = ""
    records: list[Record] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether it waits for something to do."""
        return self.ready and self.ticket is None and not self.reporting
