"""A worker on a cluster, from the machine that keeps the run."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from torchesegeta.errors import EsegetaError, StoreError
from torchesegeta.execute.cluster.places import Places, has_lost_its_node
from torchesegeta.execute.cluster.relay import News
from torchesegeta.execute.cluster.results import Results
from torchesegeta.execute.events import Command, Message, RunJob

REPORT = "from torchesegeta.cli import main; main()"
LOOK = 0.5
"""Seconds between two looks at whether there is a place."""
POLITE = 5.0
"""Seconds that a node gets to end a worker and clean up after it, before Ray ends it by force."""
LOST = "the node of the worker was lost, or cannot be reached any more"


class RayHand:
    """A worker beside its relay, which is a Ray actor. A thread follows the relay and fills a pipe.

    Args:
        number: Which of the run's workers it is.
        relay: Without a worker; it waits for a place on a node, or has one.
        give_back: Gets the relay when the worker is gone and it is not.
        places: Of the cluster.
        results: Where what comes from the node goes.
    """

    def __init__(
        self, number: int, relay: Any, give_back: Callable[[Any], None], places: Places, results: Results
    ) -> None:
        self._number, self._relay, self._give_back = number, relay, give_back
        self._places, self._results = places, results
        self._ours, self._theirs = Pipe()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._over = threading.Event()
        self._reporting = self._is_lost = False
        self._host = self._node = ""
        self.ended = self.blameless = False
        self.death = "the worker ended"

    @property
    def signs(self) -> list[Any]:
        """The pipe."""
        return [self._ours]

    def start(self) -> None:
        """Begin as soon as there is a place."""
        self._thread.start()

    def send(self, command: Command) -> None:
        """Give it something to do; the report is written here, where everything is."""
        if isinstance(command, RunJob):
            self._relay.send.remote(command)
        else:
            self._reporting = True
            self._end()
            threading.Thread(target=self._report, daemon=True).start()

    def messages(self) -> Iterator[Message]:
        """What it has said since."""
        try:
            while self._ours.poll():
                yield self._ours.recv()
        except (EOFError, OSError):
            self.ended = True

    def kill(self) -> None:
        """End it, whatever it is doing."""
        if not self._reporting:
            self._end()
        self._ours.close()

    def _end(self) -> None:
        """End the worker; its relay stays for the next, if there is any."""
        self._over.set()
        free = bool(self._host) and not self._is_lost and self._is_freed()
        if not free:
            ray.kill(self._relay)
        self._thread.join(POLITE)
        if free:
            self._give_back(self._relay)

    def _is_freed(self) -> bool:
        try:
            ray.get(self._relay.end.remote(), timeout=POLITE)
        except RayError:
            return False
        return True

    def _follow(self) -> None:
        """Until the worker ends."""
        try:
            if self._is_placed():
                with self._places.taken():
                    while not self._over.is_set() and self._take(ray.get(self._relay.listen.remote())):
                        pass
        except RayActorError as error:
            self._explain(error)
        except RayError as error:
            self.death = f"the worker on {self._host} cannot be followed: {_last_line(error)}"
        except (EOFError, OSError):
            pass  # nobody listens any more
        finally:
            if not self._reporting:
                self._theirs.close()

    def _is_placed(self) -> bool:
        """Wait for a place; say so where there is none, or the worker cannot be started there."""
        place = self._relay.prepare.remote(self._number)
        while not ray.wait([place], timeout=LOOK)[0]:
            if self._over.is_set():
                return False
            if self._places.waited_enough:
                self._say({"kind": "refused", "text": self._places.none()})
                return False
        try:
            self._host, self._node = ray.get(place)
        except RayError as error:
            if isinstance(error, RayActorError) and not error.actor_init_failed:
                raise
            self._say({"kind": "refused", "text": f"a node of the cluster cannot start a worker: {_last_line(error)}"})
            return False
        return True

    def _explain(self, error: RayActorError) -> None:
        """Tell a lost node, which is no fault of the job, from a relay that was ended on a node that lives."""
        self._is_lost = True
        self.blameless = has_lost_its_node(self._node, error)
        if self.blameless:
            self.death = f"{LOST} ({self._host})" if self._host else LOST
        else:
            self.death = f"the worker's process was ended on {self._host}, as when memory runs out"

    def _take(self, news: News) -> bool:
        """Take in what happened; False: the worker has ended."""
        try:
            self._results.add(news)
        except StoreError as error:
            self._say({"kind": "broken", "text": str(error)})
            return False
        for message in news.messages:
            self._say(self._checked(message))
        if news.death is not None:
            self.death = f"{news.death}, on {self._host}"
        return news.death is None

    def _checked(self, message: Message) -> Message:
        """The message; of one who is ready, whether what it writes arrives here."""
        if message["kind"] == "refused":
            return {"kind": "refused", "text": f"on {self._host}: {message['text']}"}
        if message["kind"] != "planned":
            return message
        try:
            blueprint = self._results.received(message["blueprint"], self._host)
            self._results.check_shared(self._sees, self._host)
        except EsegetaError as error:
            return {"kind": "refused", "text": str(error)}
        return {"kind": "planned", "blueprint": blueprint}

    def _sees(self, path: str) -> bool:
        """Whether the node sees a file that is there, within a moment, for shared folders lag."""
        for _ in range(10):
            if ray.get(self._relay.sees.remote(path)):
                return True
            time.sleep(LOOK)
        return False

    def _say(self, message: Message) -> None:
        self._theirs.send(message)

    def _report(self) -> None:
        command = [sys.executable, "-c", REPORT, "report", str(self._results.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        with suppress(OSError):  # nobody listens any more
            if done.returncode == 0:
                self._say({"kind": "reported", "text": done.stdout.strip()})
            else:
                self._say({"kind": "broken", "text": f"the report cannot be written: {done.stderr.strip()}"})


def _last_line(error: Exception) -> str:
    return str(error).strip().rpartition("\n")[2]
