"""When a job is ended by force: some time after its deadline, which its sweep looks at between chunks."""

from __future__ import annotations

GRACE = 5.0
"""Seconds beyond its deadline that a job gets in any case."""
SHARE = 0.25
"""The same, as a share of its time."""
CHUNKS = 2.0
"""The same, in the longest chunks that were seen: the deadline is looked at between them."""


class Watch:
    """Watches one job.

    Args:
        limit: Seconds it may take; None: any time.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = limit
        self.longest = 0.0
        self.begun = self.heard = 0.0
        self.due: float | None = None
        """When it is to be ended, once it has begun."""

    def begin(self, now: float) -> None:
        """Its sweep begins, perhaps again."""
        self.begun = self.heard = now
        self._renew(now)

    def progress(self, done: int, now: float) -> None:
        """Points were done; none: it begins again."""
        if done == 0:
            self.begin(now)
            return
        self.longest = max(self.longest, now - self.heard)
        self.heard = now
        self._renew(self.begun)

    def stored(self, now: float) -> None:
        """A map was stored: the sweep is over, and finishing and drawing the next may take as long again."""
        self._renew(now)

    def _renew(self, since: float) -> None:
        if self.limit is not None:
            self.due = since + self.limit + max(GRACE, SHARE * self.limit, CHUNKS * self.longest)
