"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["finished", "refused", "broken", "interrupted"]


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        state: `finished`; `refused`, the config is wrong and nothing ran; `broken`, it could not go on;
            `interrupted` by the user.
        text: Why, unless it finished.
        counts: Maps by status.
        scores: Scores by status.
        folder: The run folder, once known.
        report: The report.
    """

    state: State
    text: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    folder: Path | None = None
    report: Path | None = None

    @property
    def exit_code(self) -> int:
        """0 all is there; 1 something failed, the rest is there; 2 the config is wrong and nothing ran."""
        if self.state == "refused":
            return 2
        failed = any(counts.get(status) for counts in (self.counts, self.scores) for status in ("failed", "timeout"))
        return 1 if self.state != "finished" or failed else 0
