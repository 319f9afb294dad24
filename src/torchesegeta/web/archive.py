"""A run folder's files as one ZIP, made while it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, Literal

from torchesegeta.ledger import within
from torchesegeta.web.places import is_hidden

What = Literal["maps", "figures", "all"]
FOLDERS: dict[What, tuple[str, ...]] = {"maps": ("attributions", "predictions"), "figures": ("figures",), "all": ("",)}
BLOCK = 2**20


class _Pipe(RawIOBase):
    """Takes what is written, to be taken out again."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.blocks.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken = b"".join(self.blocks)
        self.blocks.clear()
        return taken


def files_of(folder: Path, what: What) -> list[Path]:
    """The files of a run folder that an archive holds; none outside it, whatever links say."""
    found = [path for part in FOLDERS[what] for path in sorted((folder / part).rglob("*"))]
    names = [path.relative_to(folder) for path in found if path.is_file()]
    return [folder / name for name in names if not is_hidden(name) and within(folder, str(name)) is not None]


def archive(folder: Path, what: What) -> Iterator[bytes]:
    """The archive, piece by piece. Maps are packed already, so nothing is packed again."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as file:
        for path in files_of(folder, what):
            name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
            with path.open("rb") as source, file.open(zipfile.ZipInfo.from_file(path, name), "w") as entry:
                while block := source.read(BLOCK):
                    entry.write(block)
                    yield pipe.take()
    yield pipe.take()
