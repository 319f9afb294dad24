"""Uploads that nothing needs any more are deleted when a server starts."""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Iterator

from torchesegeta.ledger import RUN
from torchesegeta.web.book import Book
from torchesegeta.web.run_folders import find_runs
from torchesegeta.web.settings import Settings

log = logging.getLogger(__name__)

KEPT_DAYS = 30
"""An upload that no run names stays this long: a page may still mean it."""
NAME = re.compile(r"[0-9a-f]{32}")
"""Folders of uploads are named so."""


def clear_uploads(settings: Settings, book: Book) -> list[str]:
    """Delete uploads that are old and named by no run of the list, and by no run folder.

    Whatever looks like an upload's name in a config or in `run.json` counts, so what is unclear stays.

    Returns:
        The names of those that were deleted.
    """
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    old = [folder for folder in settings.uploads.iterdir() if folder.is_dir() and folder.stat().st_mtime < oldest]
    if not old:
        return []
    needed = {name for text in _texts(settings, book) for name in NAME.findall(text)}
    deleted = [folder for folder in old if NAME.fullmatch(folder.name) and folder.name not in needed]
    for folder in deleted:
        shutil.rmtree(folder, ignore_errors=True)
        log.info("deleted the upload %s: no run names it", folder.name)
    return [folder.name for folder in deleted]


def _texts(settings: Settings, book: Book) -> Iterator[str]:
    yield from (json.dumps(entry.config) for entry in book.all() if not entry.hidden)
    for folder in find_runs(settings.runs):
        yield (folder / RUN).read_text(encoding="utf-8", errors="replace")
