"""A worker whose machine is lost: its job is tried again as it is, for it is not to blame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from torchesegeta.execute import Event, execute
from torchesegeta.execute.coordinator import LOSSES
from torchesegeta.execute.events import Message

from .project import Project
from .thread import WorkerThread


class Unlucky(WorkerThread):
    """Its machine is lost when it says something of that kind."""

    blameless = True

    def __init__(self, config: Path, number: int, kind: str, unlucky: bool) -> None:
        super().__init__(config, number)
        self.kind, self.unlucky, self.death = kind, unlucky, "its machine was lost"

    def messages(self) -> Iterator[Message]:
        for message in super().messages():
            if self.unlucky and message["kind"] == self.kind:
                self.ended = True
                return
            yield message


def run(project: Project, kind: str, losses: int) -> tuple[Any, list[str]]:
    """Run two methods in one job, the machines of the first workers being lost."""
    path = project.config(methods=["saliency", "input_x_gradient"])
    hired: list[int] = []
    notes: list[str] = []

    def hire(number: int) -> WorkerThread:
        hired.append(number)
        return Unlucky(path, number, kind, len(hired) <= losses)

    def listen(event: Event) -> None:
        notes.extend([event["text"]] if event["kind"] == "note" else [])

    return execute(path, listen, hire=hire), notes


@pytest.mark.parametrize("kind", ["image", "progress", "record", "done"])
def test_a_job_whose_machine_is_lost_is_tried_again_whole(project: Project, kind: str) -> None:
    outcome, notes = run(project, kind, losses=2)
    assert (outcome.exit_code, outcome.counts) == (0, {"ok": 2})
    assert not any("apart" in note for note in notes)
    if kind != "done":  # then nothing is left to do
        assert notes == ["its machine was lost; its 2 methods are tried again"] * 2
    assert {m["retries"] for m in project.maps()} == {0 if kind == "done" else 2}


def test_a_job_that_loses_machine_after_machine_is_suspected(project: Project) -> None:
    outcome, notes = run(project, "progress", losses=100)
    assert project.statuses() == {"a/saliency": "failed", "a/input_x_gradient": "failed"}
    assert notes[:LOSSES] == [
        *["its machine was lost; its 2 methods are tried again"] * (LOSSES - 1),
        "its machine was lost; its 2 methods are tried again apart",
    ]
    assert outcome.exit_code == 1


@pytest.mark.parametrize(("losses", "state"), [(1, "finished"), (2, "refused")])
def test_the_first_worker_is_tried_twice(project: Project, losses: int, state: str) -> None:
    assert run(project, "planned", losses)[0].state == state
