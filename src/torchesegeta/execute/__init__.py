"""Execution: schedules jobs, computes nothing itself."""

from torchesegeta.execute.events import Event, Listener
from torchesegeta.execute.serial import Outcome, execute

__all__ = ["Event", "Listener", "Outcome", "execute"]
