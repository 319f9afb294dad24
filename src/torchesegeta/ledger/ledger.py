"""The manifest and `run.json` of a run folder, open for one writer."""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile, zip_longest
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger.files import UNFINISHED, replacing
from torchesegeta.ledger.records import (
    AGREEMENT,
    FINAL,
    IMAGES,
    MANIFEST,
    RESULTS,
    RUN,
    SCHEMA,
    SCORES,
    Record,
    key_of,
    read_lines,
    read_manifest,
    read_run,
    task_of,
    task_record,
    to_line,
    write_json,
)
from torchesegeta.ledger.shards import check_beside
from torchesegeta.ledger.stamps import sha256_of

LOCK, LOG = ".lock", "log.txt"
OFTEN = 1.0
"""Seconds of lines that a power cut may cost."""
SUMS = {"values": "sha256", "arrays": "arrays_sha256"}
"""Where a record holds the SHA-256 of its files."""


def check_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a folder that this run cannot be written to; nothing is changed.

    Args:
        folder: Of the run.
        identity: What makes the run what it is; an earlier run in the folder must have the same.

    Raises:
        ConfigError: It is a file, or holds another run or other things.
        StoreError: It holds a damaged run.
    """
    check_beside(folder)
    if (folder / RUN).is_file():
        _check_same(folder, read_run(folder).get("identity", {}), identity)
    elif folder.is_dir():
        strange = sorted(p.name for p in folder.iterdir() if p.name not in (LOCK, LOG) and not p.match(UNFINISHED))
        if strange:
            raise ConfigError(f"output: {str(folder)!r} holds {strange[0]!r} and no run; choose another folder")
    elif folder.exists():
        raise ConfigError(f"output: {str(folder)!r} is a file; a run needs a folder")


def _check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    different = [name for name in now if name != "files" and before.get(name) != now[name]]
    old, new = before.get("files", {}), now.get("files", {})
    different += [f"the file of {name}" for name in new if old.get(name) != new[name]] if not different else []
    if different:
        raise ConfigError(
            f"output: {str(folder)!r} holds a run that differs in {', '.join(different)}; choose another folder"
        )


@dataclass
class Ledger:
    """The manifest of a run folder, open for one writer; a context manager, which lets others write at its end.

    Of its lines only those of images are kept in memory, for there may be many; of the others, where they begin.

    Attributes:
        folder: The run folder.
        images: What is known of the images, by name.
    """

    folder: Path
    images: dict[str, Record] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _starts: dict[tuple[str, str], int] = field(default_factory=dict)
    _synced: float = 0.0
    _lock: IO[str] | None = None

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """Open a run folder for writing; make it where there is none.

        What an earlier process left unfinished goes: temporary files, and the lines of tasks that are to be run again.

        Args:
            folder: The run folder, as `check_folder` allows.

        Raises:
            StoreError: It cannot be written, or another process is writing to it.
        """
        ledger = cls(folder, _lock=_take_lock(folder))
        try:
            ledger.tidy()
            ledger._keep()
        except OSError as error:
            ledger.close()
            raise StoreError(f"output: {str(folder)!r} cannot be written: {error.strerror}") from error
        except BaseException:
            ledger.close()
            raise
        return ledger

    def tidy(self) -> None:
        """Remove what killed processes left unfinished; none may be writing."""
        for path in self.folder.rglob(UNFINISHED):
            path.unlink(missing_ok=True)

    def _keep(self) -> None:
        """Keep what belongs to finished tasks; images are kept in any case."""
        self.images = {image["name"]: image for image in read_lines(self.folder / IMAGES) if "name" in image}
        _rewrite(self.folder / IMAGES, self.images.values)
        last: dict[tuple[str, ...], int] = {}
        whole: dict[tuple[str, ...], tuple[tuple[str, str], bool]] = {}
        closed: set[tuple[str, str]] = set()
        for number, record in enumerate(read_manifest(self.folder)):
            key = key_of(record)
            last[key] = number
            if _is_result(record):
                whole[key] = task_of(record), self._is_whole(record)
            elif record["record"] == "task":
                closed.add(task_of(record))
        done = closed - {task for task, is_whole in whole.values() if not is_whole}
        changed = {image for (image, label), is_whole in whole.values() if not is_whole and SCORES not in label}
        done = {(image, label) for image, label in done if _has_its_maps(image, label, done, changed)}
        _rewrite(self.folder / MANIFEST, partial(self._kept, set(last.values()), done))
        self._take_in()

    def _kept(self, last: set[int], done: set[tuple[str, str]]) -> Iterator[Record]:
        """The lines that are the last of their kind and belong to finished tasks."""
        for number, record in enumerate(read_manifest(self.folder)):
            if number in last and task_of(record) in done:
                yield record

    def _take_in(self) -> None:
        """Note where the lines of each task begin, and how many there are of each kind."""
        path, start, place = self.folder / MANIFEST, 0, 0
        for record in read_lines(path):
            place += len(to_line(record))
            self._count(record, 1)
            if record["record"] == "task":
                self._starts[task_of(record)] = start
                start = place

    def _count(self, record: Record, by: int) -> None:
        if record["record"] in RESULTS:
            self._counts[record["record"], record["status"]] += by

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def finished(self) -> set[tuple[str, str]]:
        """(image, label) of the tasks that were closed; after opening, those that need not be run again.

        A task of scores needs the maps that it judged.
        """
        return set(self._starts)

    def lines_of(self, image: str, label: str) -> list[Record]:
        """The lines of a task, the one that closes it left out; none where it is not closed."""
        start = self._starts.get((image, label))
        if start is None:
            return []
        lines = takewhile(lambda record: record["record"] != "task", read_lines(self.folder / MANIFEST, start))
        return list(lines)

    def _is_whole(self, record: Record) -> bool:
        """Whether a map, score or comparison has a final status, and its files are as they were written."""
        files = record.get("files", {})
        if record["status"] not in FINAL or not all(_holds_something(self.folder / name) for name in files.values()):
            return False
        sums = {kind: record[name] for kind, name in SUMS.items() if kind in files}
        return all(sha256_of(self.folder / files[kind]) == known for kind, known in sums.items())

    def close_task(self, image: str, method: str, label: str, records: Sequence[Record]) -> None:
        """Append the records of a task, and a line that says that they are all there, to the manifest.

        Raises:
            StoreError: They cannot be written.
        """
        results = [record for record in records if _is_result(record)]
        for earlier in self.lines_of(image, label):
            self._count(earlier, -1)
        start = self._append(MANIFEST, [*records, task_record(image, method, label, results)])
        self._starts[image, label] = start
        for record in records:
            self._count(record, 1)

    def describe(self, image: Record) -> None:
        """Keep what is known of an image.

        Args:
            image: With its `name`.

        Raises:
            StoreError: It cannot be written.
        """
        if self.images.get(image["name"]) != image:
            self._append(IMAGES, [image])
            self.images[image["name"]] = image

    def _append(self, name: str, records: Iterable[Record]) -> int:
        """Write lines; where the first begins, in bytes."""
        path = self.folder / name
        try:
            with path.open("ab") as stream:
                start = stream.tell()
                stream.write(b"".join(map(to_line, records)))
                stream.flush()
                if time.monotonic() - self._synced > OFTEN:
                    os.fsync(stream.fileno())
                    self._synced = time.monotonic()
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
        return start

    def clear(self) -> None:
        """Remove the manifest."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        self._starts.clear()
        self.images.clear()
        self._counts.clear()

    def write_run(self, content: Mapping[str, Any]) -> None:
        """Write `run.json` whole.

        Raises:
            StoreError: It cannot be written.
        """
        write_json(self.folder / RUN, {"schema": SCHEMA, **content})

    def counts(self, kind: str = "map") -> dict[str, int]:
        """Number of maps, or of another kind of line, by status."""
        return {status: count for (one, status), count in sorted(self._counts.items()) if one == kind and count}

    def scores(self) -> list[Record]:
        """The lines of scores."""
        lines = {key_of(record): record for record in read_manifest(self.folder) if record["record"] == "score"}
        return list(lines.values())


def _is_result(record: Record) -> bool:
    """Whether a line says what came of a task: a map, a score, or the figure of a comparison."""
    return record["record"] in RESULTS or (record["record"] == "figure" and record.get("label") == AGREEMENT)


def _has_its_maps(image: str, label: str, done: set[tuple[str, str]], changed: set[str]) -> bool:
    """Whether the maps that a task judges are there as they were; a comparison judges all of its image."""
    return image not in changed if label == AGREEMENT else (image, label.rpartition(SCORES)[2]) in done


def _holds_something(path: Path) -> bool:
    """Whether a file is there, and is not what a power cut leaves of one."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _rewrite(path: Path, kept: Callable[[], Iterable[Record]]) -> None:
    """Write the lines of a file that are kept, unless it holds just these."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        same = all(one == other for one, other in zip_longest(stream, map(to_line, kept())))
    if not same:
        with replacing(path) as stream:
            stream.writelines(map(to_line, kept()))


def _take_lock(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("w")
    except OSError as error:
        raise StoreError(f"output: {str(folder)!r} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreError(f"output: another process is writing to {str(folder)!r}; wait for its end") from error
    except OSError as error:
        lock.close()
        raise StoreError(f"output: {str(folder)!r} cannot be locked: {error.strerror}") from error
    return lock
