"""On a node: a light process that starts a worker beside it and hands on what it says. It imports no torch.

The worker is a process of its own, as on one machine. So whatever it does, hang in native code or die, the relay lives
on to tell of it, and a relay that is gone means that the node is lost.
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from torchesegeta.execute.cluster.outbox import Outbox
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
    """A worker on a node, and a folder there for as long as it lives.

    Args:
        config: The config as JSON, its paths absolute.
        level: The least that is logged.
        number: Which of the run's workers it is.
        sends: Whether the files that it writes are sent; else it writes into the run folder.
    """

    def __init__(self, config: str, level: Level, number: int, sends: bool) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="esegeta-"))
        content = json.loads(config)
        self.outbox = Outbox(self.scratch / "run") if sends else None
        if self.outbox is not None:
            content["output"] = str(self.outbox.folder)
        path, self.log = self.scratch / "config.json", self.scratch / LOG
        path.write_text(json.dumps(content), encoding="utf-8")
        self.log.touch()
        self._read = 0
        self.worker = WorkerProcess(str(path), level, number, self.log)

    def begin(self) -> str:
        """Let the worker begin to plan; gives the node's name."""
        self.worker.start()
        return socket.gethostname()

    def send(self, command: Command) -> None:
        """Give the worker something to do."""
        self.worker.send(command)

    def sees(self, path: str) -> bool:
        """Whether there is such a file on this node."""
        return Path(path).exists()

    def listen(self) -> News:
        """Wait until something happens."""
        wait(self.worker.signs)
        messages = list(self.worker.messages())
        death = self.worker.death if self.worker.ended else None
        files: dict[str, bytes] = {}
        if self.outbox is not None and messages:
            files = self.outbox.collect()
            if any(message["kind"] in IDLE for message in messages):
                self.outbox.clear()
        return News(messages, self._logged(), files, death)

    def _logged(self) -> bytes:
        with self.log.open("rb") as stream:
            stream.seek(self._read)
            text = stream.read()
        self._read += len(text)
        return text

    def end(self) -> None:
        """End the worker, and leave nothing on the node."""
        self.worker.kill()
        shutil.rmtree(self.scratch, ignore_errors=True)
