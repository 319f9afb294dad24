"""A server in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx2

from .project import Project


class Live:
    """A server that runs.

    Attributes:
        process: Its process.
        client: A browser.
        link: What it opens first.
    """

    def __init__(self, process: subprocess.Popen[bytes], link: str) -> None:
        self.process = process
        self.client = httpx2.Client(base_url=link.partition("?")[0], timeout=60)
        self.link = link

    def enter(self) -> None:
        """Open the link."""
        assert self.client.get(self.link).status_code == 200

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the server itself, without its runs."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(project: Project) -> Iterator[Live]:
    """`esegeta serve` on a project."""
    log = project.folder / "serve.log"
    with log.open("wb") as stream:
        process = _start(project, stream)
        try:
            live = Live(process, _link(log, process))
            with live.client:
                live.enter()
                yield live
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)


def _start(project: Project, log: IO[bytes]) -> subprocess.Popen[bytes]:
    code = "from torchesegeta.cli import main; main()"
    folders = ("--runs", project.runs, "--models", project.models, "--images", project.images)
    command = [sys.executable, "-c", code, "serve", "--no-browser", "--port", "0", *map(str, folders)]
    return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def _link(log: Path, process: subprocess.Popen[bytes], seconds: float = 120) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"http://\S+\?token=\S+", log.read_text(encoding="utf-8"))
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"the server did not start: {log.read_text(encoding='utf-8')}")
