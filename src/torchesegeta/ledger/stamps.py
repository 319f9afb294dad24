"""Whether a file is the one that it was, without reading it where its time of change says so."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict


class Stamp(TypedDict):
    """What is known of a file.

    | key | meaning |
    | --- | --- |
    | `size` | bytes |
    | `mtime_ns` | when it was changed, in ns |
    | `sha256` | of its content |
    """

    size: int
    mtime_ns: int
    sha256: str


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file; reads it.

    Raises:
        OSError: It cannot be read.
    """
    about = path.stat()
    return {"size": about.st_size, "mtime_ns": about.st_mtime_ns, "sha256": sha256_of(path)}


def is_changed(path: Path, stamp: Stamp) -> bool:
    """Whether a file has another content than it had; it is read only where its time is another.

    Raises:
        OSError: It cannot be read.
    """
    about = path.stat()
    if about.st_size != stamp["size"]:
        return True
    return about.st_mtime_ns != stamp["mtime_ns"] and sha256_of(path) != stamp["sha256"]


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
