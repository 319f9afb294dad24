"""Files that are whole under their final names, or not there; and which files a folder may speak of."""

from __future__ import annotations

import csv
import io
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from torchesegeta.errors import StoreError

UNFINISHED = ".part-*"
"""What a killed process leaves behind of files that never got their final names."""


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A stream to a temporary file beside `path`, which takes that name when all is written.

    Args:
        path: The final name; its folder is made.
        durable: Whether the file is on the disk by then, and so outlasts a power cut too. That takes some milliseconds,
            which many small files that are checked when a run is resumed had better not wait for.

    Raises:
        StoreError: The file cannot be written; nothing is left of it, and what had the name before is untouched.
    """
    part = path.with_name(f".part-{uuid.uuid4().hex[:12]}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as stream:
            yield stream
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or f'{error}; is the disk full?'}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]], *, durable: bool = True) -> None:
    """Write a table; see `replacing`.

    Raises:
        StoreError: It cannot be written.
    """
    with replacing(path, durable=durable) as stream:
        stream.write(as_csv(columns, rows).encode())


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as text; what is None stays empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def within(folder: Path, name: str) -> Path | None:
    """What a name stands for in a folder, links followed; None where that lies outside the folder."""
    try:
        whole = (folder / name).resolve()
        return whole if whole.is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, a NUL
        return None
