"""The list of runs and the queue, in a file that outlives the server (SQLite)."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torchesegeta.errors import StoreError
from torchesegeta.web.answers import RunStatus
from torchesegeta.web.configs import Config

TABLE = """
create table if not exists runs (
    number integer primary key autoincrement,
    folder text not null unique,
    status text not null,
    config text not null,
    model text not null,
    images text not null,
    created text not null,
    started text,
    finished text,
    error text,
    hidden integer not null default 0
)
"""


@dataclass(frozen=True)
class Entry:
    """A run that this server was asked for.

    Attributes:
        number: Rises with every run; the queue is in its order.
        folder: Name of the run folder, inside that of the runs.
        status: Where it stands.
        config: As the browser sent it.
        model: Name of the model.
        images: Names of the images.
        created: When it was asked for (ISO 8601).
        started: When it began last.
        finished: When it ended.
        error: Why it failed.
        hidden: Whether it was taken from the list.
    """

    number: int
    folder: str
    status: RunStatus
    config: Config
    model: str
    images: tuple[str, ...]
    created: str
    started: str | None
    finished: str | None
    error: str | None
    hidden: bool


class Book:
    """The file; any thread may use it.

    Args:
        path: Made where there is none.

    Raises:
        StoreError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.execute("pragma journal_mode = wal")
            self._file.execute(TABLE)
        except sqlite3.Error as error:
            raise StoreError(f"the list of runs {str(path)!r} cannot be opened: {error}") from error
        self._file.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._file.close()

    def add(self, folder: str, config: Config, model: str, images: Sequence[str]) -> Entry:
        """Put a run at the end of the queue.

        Raises:
            StoreError: There is one of this folder.
        """
        row = (folder, "queued", json.dumps(config), model, json.dumps(list(images)), now())
        try:
            with self._using() as file:
                file.execute(
                    "insert into runs (folder, status, config, model, images, created) values (?, ?, ?, ?, ?, ?)", row
                )
        except sqlite3.IntegrityError as error:
            raise StoreError(f"there is a run {folder!r} already") from error
        entry = self.find(folder)
        assert entry is not None
        return entry

    def find(self, folder: str) -> Entry | None:
        """The run of a folder."""
        return next(iter(self._select("where folder = ?", folder)), None)

    def all(self) -> list[Entry]:
        """Every run, the newest first."""
        return self._select("order by number desc")

    def queue(self) -> list[Entry]:
        """Those that wait, the first first."""
        return self._select("where status = 'queued' order by number")

    def update(self, folder: str, **values: Any) -> None:
        """Change columns of a run."""
        names = ", ".join(f"{name} = ?" for name in values)
        with self._using() as file:
            file.execute(f"update runs set {names} where folder = ?", (*values.values(), folder))

    def remove(self, folder: str) -> None:
        """Take a run out that never began."""
        with self._using() as file:
            file.execute("delete from runs where folder = ?", (folder,))

    def hide(self, folder: str) -> None:
        """Take a run folder from the list; its files stay."""
        with self._using() as file:
            file.execute(
                "insert into runs (folder, status, config, model, images, created, hidden) "
                "values (?, 'done', '{}', '', '[]', ?, 1) on conflict (folder) do update set hidden = 1",
                (folder, now()),
            )

    def put_back(self) -> None:
        """What was under way when a server stopped waits again, and goes on from where it was."""
        with self._using() as file:
            file.execute("update runs set status = 'queued' where status = 'running'")

    def _select(self, condition: str, *values: Any) -> list[Entry]:
        with self._using() as file:
            rows = file.execute(f"select * from runs {condition}", values).fetchall()
        return [_entry(row) for row in rows]

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._file


def _entry(row: sqlite3.Row) -> Entry:
    values = {field.name: row[field.name] for field in fields(Entry)}
    unpacked = {
        "config": json.loads(values["config"]),
        "images": tuple(json.loads(values["images"])),
        "hidden": bool(values["hidden"]),
    }
    return Entry(**{**values, **unpacked})


def now() -> str:
    """The time, as the book has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
