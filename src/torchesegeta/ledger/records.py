"""What a run folder says of itself: `run.json`, and the lines of `manifest.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from torchesegeta.errors import StoreError
from torchesegeta.ledger.files import replacing

if TYPE_CHECKING:
    from torchesegeta.types import Status

RUN = "run.json"
MANIFEST = "manifest.jsonl"
IMAGES = "images.jsonl"
"""A line per image that was read: its size, its place in space, its files."""
SCHEMA = 1
STATUSES: tuple[Status, ...] = ("ok", "partial", "failed", "timeout", "incompatible")
FINAL: tuple[Status, ...] = ("ok", "partial", "incompatible")
"""Statuses that another try would not change."""
RESULTS = ("map", "score")
"""Kinds of lines that say what came of a task."""
SCORES = "/"
"""Parts the metric from the method in the label of a task that makes scores; no label holds one."""
AGREEMENT = f"agreement{SCORES}*"
"""Label of the task that compares the maps of all methods of an image."""
WORST_FIRST = ("failed", "timeout", "partial", "ok", "incompatible")

Record: TypeAlias = dict[str, Any]


def task_record(image: str, method: str, label: str, maps: Iterable[Mapping[str, Any]]) -> Record:
    """The manifest's line that closes a task: all its maps are there.

    Its status is the worst of theirs, incompatible ones set aside where there are others.
    """
    statuses = [record["status"] for record in maps]
    worst = next((s for s in WORST_FIRST if s in statuses), "incompatible")
    return {
        "record": "task",
        "method": method,
        "label": label,
        "image": image,
        "status": worst,
        "maps": len(statuses),
    }


def task_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """(image, label) of the task that a line belongs to; scores are tasks of their own."""
    own = f"{record.get('metric')}{SCORES}{record.get('label')}" if record["record"] == "score" else record.get("label")
    return str(record.get("image")), str(own)


def key_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Tells the lines of a manifest apart: of two equal ones the later counts."""
    names = ("record", "kind", "image", "label", "layer", "target", "metric")
    return tuple(str(record.get(name)) for name in names)


def to_line(record: Mapping[str, Any]) -> bytes:
    """A record as a line of the manifest."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read_manifest(folder: Path) -> Iterator[Record]:
    """The lines of the manifest; those that were cut off are left out.

    Raises:
        StoreError: It cannot be read.
    """
    return (record for record in read_lines(folder / MANIFEST) if "record" in record)


def read_lines(path: Path, start: int = 0) -> Iterator[Record]:
    """The JSON objects of a file, a line each, from a byte on; none where there is no file.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(start)
            for line in stream:
                record = _parsed(line)
                if record is not None:
                    yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def read_run(folder: Path) -> Record:
    """The content of `run.json`.

    Raises:
        StoreError: There is none, or it is damaged.
    """
    try:
        content = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{str(folder)!r} is no run folder: it has no {RUN}") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / RUN} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise StoreError(f"{folder / RUN} holds no JSON object")
    return content


def write_json(path: Path, value: Any, *, durable: bool = True) -> None:
    """Write JSON whole, or not at all; see `replacing`.

    Raises:
        StoreError: It cannot be written.
    """
    with replacing(path, durable=durable) as stream:
        stream.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n")
