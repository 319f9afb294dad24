"""The run's log: `log.txt` in the run folder, a line per message: time, level, image, method, message, between tabs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

_about: ContextVar[tuple[str, str]] = ContextVar("about", default=("-", "-"))


@contextmanager
def about(image: str, method: str) -> Iterator[None]:
    """What is logged meanwhile is about an image and a method."""
    token = _about.set((image, method))
    try:
        yield
    finally:
        _about.reset(token)


class _Line(logging.Formatter):
    """A message of several lines goes on behind a tab."""

    def format(self, record: logging.LogRecord) -> str:
        """A line; `extra` may name another image or method."""
        image, method = (
            getattr(record, name, now) for name, now in zip(("image", "method"), _about.get(), strict=True)
        )
        time = datetime.fromtimestamp(record.created).isoformat(timespec="milliseconds")
        text = super().format(record).replace("\n", "\n\t")
        return f"{time}\t{record.levelname}\t{image}\t{method}\t{text}"


class _File(logging.FileHandler):
    """A log file that costs no map: a line that cannot be written, since the disk is full, is left out."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Close, also when the last lines cannot be written."""
        with suppress(OSError):
            super().close()


@contextmanager
def logging_to(path: Path, level: Level = "info", name: str | None = None) -> Iterator[None]:
    """Append what is logged and warned to a file; afterwards logging is as it was.

    Several processes may write to the same file: a line is written at once.

    Args:
        path: The file.
        level: The least that is logged.
        name: Of the logger; None: everything.
    """
    handler = _File(path, encoding="utf-8", delay=True)
    handler.setFormatter(_Line())
    logger = logging.getLogger(name)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    if name is None:
        logging.captureWarnings(True)
    try:
        yield
    finally:
        if name is None:
            logging.captureWarnings(False)
        logger.setLevel(before)
        logger.removeHandler(handler)
        handler.close()
