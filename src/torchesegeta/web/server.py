"""What the addresses share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from torchesegeta.web.bench import Bench
from torchesegeta.web.book import Book, Entry
from torchesegeta.web.catalogue import Catalogue, load
from torchesegeta.web.clearing import clear_uploads
from torchesegeta.web.configs import Translator
from torchesegeta.web.places import Places
from torchesegeta.web.queue import Queue
from torchesegeta.web.run_folders import RunFolders, name_of
from torchesegeta.web.settings import Settings


@dataclass(frozen=True)
class Server:
    """The parts of a server; what one looks at has a bench of its own, or it would wait for plans."""

    settings: Settings
    catalogue: Catalogue
    places: Places
    translator: Translator
    book: Book
    queue: Queue
    bench: Bench
    sight: Bench
    folders: RunFolders

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """Put a server together; `settings.prepare` has made its folder.

        Raises:
            ConfigError: The catalogue is wrong.
            StoreError: The list of runs cannot be opened.
        """
        catalogue = load(settings)
        places = Places(settings.images, settings.uploads, catalogue.examples())
        book = Book(settings.state / "queue.sqlite3")
        folders = RunFolders(settings.runs, places)
        clear_uploads(settings, book)
        return cls(
            settings,
            catalogue,
            places,
            Translator(catalogue, places, settings.runs.resolve(), settings.most_values),
            book,
            Queue(settings, book, folders.counts),
            Bench(),
            Bench(),
            folders,
        )

    async def close(self) -> None:
        """End what is under way."""
        await self.queue.stop()
        self.bench.close()
        self.sight.close()
        self.book.close()

    def entry(self, run: str) -> Entry | None:
        """What the list says of a run."""
        return self.book.find(name_of(run))

    def folder(self, run: str) -> Path:
        """The folder of a run that has begun.

        Raises:
            Refusal: There is none.
        """
        return self.folders.folder(run)


def _server(request: Request) -> Server:
    server: Server = request.app.state.server
    return server


def gone(request: Request) -> Callable[[], Awaitable[bool]]:
    """Tells whether nobody waits for an answer any more."""
    return request.is_disconnected


Here = Annotated[Server, Depends(_server)]
"""The server, in the signature of an address."""
