"""The manifest and `run.json` of a run folder, open for one writer."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger.files import UNFINISHED, replacing
from torchesegeta.ledger.records import (
    FINAL,
    MANIFEST,
    RESULTS,
    RUN,
    SCHEMA,
    SCORES,
    Record,
    key_of,
    read_manifest,
    read_run,
    task_of,
    task_record,
    to_line,
    write_json,
)

LOCK, LOG = ".lock", "log.txt"
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

    Attributes:
        folder: The run folder.
        records: The manifest.
    """

    folder: Path
    records: dict[tuple[str, ...], Record] = field(default_factory=dict)
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
        """Read the manifest; keep what belongs to finished tasks."""
        self.records = {key_of(record): record for record in read_manifest(self.folder)}
        results: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self.records.values():
            if record["record"] in RESULTS:
                results[task_of(record)].append(record)
        done = {task for task in self.finished if all(map(self._is_whole, results[task]))}
        done = {(image, label) for image, label in done if (image, label.rpartition(SCORES)[2]) in done}
        self.records = {key: r for key, r in self.records.items() if task_of(r) in done}
        path, content = self.folder / MANIFEST, b"".join(map(to_line, self.records.values()))
        if path.exists() and path.read_bytes() != content:
            with replacing(path) as stream:
                stream.write(content)

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
        return {(r["image"], r["label"]) for r in self.records.values() if r["record"] == "task"}

    def _is_whole(self, record: Record) -> bool:
        """Whether a map or score has a final status, and its files are as they were written."""
        files = record.get("files", {})
        if record["status"] not in FINAL or not all((self.folder / name).is_file() for name in files.values()):
            return False
        sums = {kind: record[name] for kind, name in SUMS.items() if kind in files}
        return all(sha256_of(self.folder / files[kind]) == known for kind, known in sums.items())

    def close_task(self, image: str, method: str, label: str, records: Sequence[Record]) -> None:
        """Append the records of a task, and a line that says that they are all there, to the manifest.

        Raises:
            StoreError: They cannot be written.
        """
        results = [record for record in records if record["record"] in RESULTS]
        records = [*records, task_record(image, method, label, results)]
        path = self.folder / MANIFEST
        try:
            with path.open("ab") as stream:
                stream.write(b"".join(map(to_line, records)))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
        self.records.update((key_of(record), record) for record in records)

    def write_run(self, content: Mapping[str, Any]) -> None:
        """Write `run.json` whole.

        Raises:
            StoreError: It cannot be written.
        """
        write_json(self.folder / RUN, {"schema": SCHEMA, **content})

    def counts(self, kind: str = "map") -> dict[str, int]:
        """Number of maps, or of another kind of line, by status."""
        statuses = [record["status"] for record in self.records.values() if record["record"] == kind]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    def scores(self) -> list[Record]:
        """The lines of scores."""
        return [record for record in self.records.values() if record["record"] == "score"]


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


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
