"""A browser without a window, and the web interface as a process of its own: for screenshots and tests."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
"""No request to the browser's maker, and WebGL in software."""


def missing() -> str | None:
    """What a browser needs and is not here, in words."""
    if executable() is None:
        return "no Chromium on this machine: `apt-get install chromium`"
    if not (files("torchesegeta") / "web" / "static" / "index.html").is_file():
        return "the front end is not built: `make web`"
    return None


def executable() -> str | None:
    """Where the browser is."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


@contextmanager
def serving(runs: Path, *more: str) -> Iterator[str]:
    """`esegeta serve` on a free port; its link.

    Args:
        runs: Where runs are.
        more: Further arguments, such as `--models`.

    Raises:
        RuntimeError: It said no address.
    """
    command = [sys.executable, "-c", "from torchesegeta.cli import main; main()", "serve", "--no-browser"]
    command += ["--port", "0", "--runs", str(runs), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield _link(process)
        finally:
            process.terminate()


def _link(process: subprocess.Popen[str]) -> str:
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"http://\S+", line)
        if found:
            return found[0]
        said.append(line)
    raise RuntimeError("the server said no address: " + "".join(said))
