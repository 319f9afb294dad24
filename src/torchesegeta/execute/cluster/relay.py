"""On a node: a light process that starts a worker beside it and hands on what it says. It imports no torch.

The worker is a process of its own, as on one machine. So whatever it does, hang in native code or die, the relay lives
on to tell of it, and a relay that is gone means that the node is lost.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from torchesegeta.execute.cluster.outbox import Outbox
from torchesegeta.execute.cluster.scratch import Scratch
from torchesegeta.execute.events import Command, Message
from torchesegeta.execute.log import Level
from torchesegeta.execute.process import WorkerProcess
from torchesegeta.ledger import LOG

IDLE = ("done", "unusable")
"""Messages after which a worker has nothing to do."""


@dataclass(frozen=True)
class News:
    """What happened on a node.

    Attributes:
        messages: What the worker said.
        log: What was added to its log.
        files: Whole files that it wrote, by their names in the run folder; they come no later than the message on them.
        death: How it ended, in words; None: it lives.
    """

    messages: list[Message]
    log: bytes
    files: dict[str, bytes]
    death: str | None


class Relay:
    """Has one worker after the other on its node, and stays, so that only the first waits for torch to be imported.

    Args:
        config: The config as JSON, its paths absolute.
        level: The least that is logged.
        sends: Whether the files that workers write are sent; else they write into the run folder.
    """

    def __init__(self, config: str, level: Level, sends: bool) -> None:
        self.config, self.level, self.sends = config, level, sends
        self.post: Post | None = None

    def prepare(self, number: int) -> tuple[str, str]:
        """Make ready for the worker of a number; gives the node's name, and what Ray calls it."""
        import ray

        self.post = Post(self.config, self.level, number, self.sends)
        return socket.gethostname(), ray.get_runtime_context().get_node_id()

    def send(self, command: Command) -> None:
        """Give the worker something to do."""
        self._post.worker.send(command)

    def sees(self, path: str) -> bool:
        """Whether there is such a file on this node."""
        return Path(path).exists()

    def listen(self) -> News:
        """Wait until something happens; the first time, let the worker begin to plan."""
        return self._post.listen()

    def end(self) -> None:
        """End the worker, and leave nothing on the node."""
        self._post.end()

    @property
    def _post(self) -> Post:
        assert self.post is not None, "there is a worker"
        return self.post


class Post:
    """A worker and its folder on the node."""

    def __init__(self, config: str, level: Level, number: int, sends: bool) -> None:
        self.scratch = Scratch()
        folder, content = self.scratch.folder, json.loads(config)
        self.outbox = Outbox(folder / "run") if sends else None
        if self.outbox is not None:
            content["output"] = str(self.outbox.folder)
        path, self.log = folder / "config.json", folder / LOG
        path.write_text(json.dumps(content), encoding="utf-8")
        self.log.touch()
        self._read, self._begun = 0, False
        self.worker = WorkerProcess(str(path), level, number, self.log)

    def listen(self) -> News:
        """Wait until something happens; the first time, let the worker begin to plan."""
        if not self._begun:
            self._begun = True
            self.worker.start()
        wait(self.worker.signs)
        messages = list(self.worker.messages())
        death = self.worker.death if self.worker.ended else None
        return News(messages, self._logged(), self._collected(messages), death)

    def _collected(self, messages: Sequence[Message]) -> dict[str, bytes]:
        if self.outbox is None or not messages:
            return {}
        files = self.outbox.collect()
        if any(message["kind"] in IDLE for message in messages):
            self.outbox.clear()
        return files

    def _logged(self) -> bytes:
        with self.log.open("rb") as stream:
            stream.seek(self._read)
            text = stream.read()
        self._read += len(text)
        return text

    def end(self) -> None:
        """End the worker, and leave nothing on the node."""
        self.worker.kill()
        self.scratch.remove()
