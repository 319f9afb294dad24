"""Execution: schedules jobs, computes nothing itself."""

from torchesegeta.execute.events import Event, Listener
from torchesegeta.execute.execute import execute
from torchesegeta.execute.outcome import Outcome

__all__ = ["Event", "Listener", "Outcome", "execute"]
