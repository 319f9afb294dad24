"""What a worker writes into a run folder that only its node sees, on its way to the one that all see."""

from __future__ import annotations

from pathlib import Path


class Outbox:
    """A folder on a node.

    Args:
        folder: Where the worker writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sent: dict[Path, tuple[int, int]] = {}

    def collect(self) -> dict[str, bytes]:
        """Whole files that were written since, by their names in the folder; they stay: the worker may read them."""
        fresh: dict[str, bytes] = {}
        for path in self.folder.rglob("[!.]*"):
            state = path.stat()
            version = (state.st_mtime_ns, state.st_size)
            if path.is_file() and self._sent.get(path) != version:
                fresh[path.relative_to(self.folder).as_posix()] = path.read_bytes()
                self._sent[path] = version
        return fresh

    def clear(self) -> None:
        """Remove what was collected; the worker is idle."""
        for path in self._sent:
            path.unlink(missing_ok=True)
        self._sent.clear()
