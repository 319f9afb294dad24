"""A run in a process of its own: `execute`, as on the command line; its events go out as lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from torchesegeta.execute import Event, execute


def main(config: Path) -> int:
    """Run a config; whatever else prints does so to the standard error.

    The process interrupts itself when its standard input ends, as it does with the server.

    Returns:
        The exit status, as of `esegeta run`.
    """
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with_server, daemon=True).start()

    def tell(event: Event) -> None:
        _write(lines, dict(event))

    outcome = execute(config, tell)
    _write(lines, {"kind": "outcome", "state": outcome.state, "text": outcome.text, "counts": outcome.counts})
    return outcome.exit_code


def _write(lines: TextIO, value: dict[str, object]) -> None:
    try:
        lines.write(json.dumps(value) + "\n")
        lines.flush()
    except BrokenPipeError:
        os.kill(os.getpid(), signal.SIGTERM)


def _end_with_server() -> None:
    while os.read(0, 1024):  # not through a buffer, whose lock the end of the process would wait for
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
