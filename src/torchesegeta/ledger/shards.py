"""Parts of a run that were made apart, each in a folder of its own, read as one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.ledger.records import RUN, Record, read_manifest, read_run

FOLDER = re.compile(r"shard-(\d+)-of-(\d+)")


@dataclass(frozen=True)
class Shard:
    """One of several parts of the images of a run: every `count`-th, from the `number`-th on.

    Each part has a folder, and so a lock, a manifest and a `run.json`, of its own: locks are not to be relied on across
    the machines that share a file system.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read '3/16'.

        Raises:
            ValueError: It is none.
        """
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"{text!r} is no shard; write '3/16' for the third of sixteen, from '1/16' to '16/16'")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder(self) -> str:
        """Name of its folder: sorted by name, shards are in order."""
        return f"shard-{self.number:0{len(str(self.count))}}-of-{self.count}"

    @staticmethod
    def of(folder: Path) -> Shard | None:
        """The shard of a folder, by its name."""
        match = FOLDER.fullmatch(folder.name)
        return None if match is None else Shard(int(match[1]), int(match[2]))

    def takes(self, index: int) -> bool:
        """Whether the image of an index, from 0, is one of its own."""
        return index % self.count == self.number - 1


def shards_in(folder: Path) -> dict[Shard, Path]:
    """The shards in a folder, in order; none where the folder itself is a run.

    Raises:
        StoreError: They are of different numbers of shards.
    """
    if (folder / RUN).is_file() or not folder.is_dir():
        return {}
    named = {shard: path for path in folder.iterdir() if (shard := Shard.of(path)) and (path / RUN).is_file()}
    counts = sorted({shard.count for shard in named})
    if len(counts) > 1:
        raise StoreError(f"{str(folder)!r} holds shards of {' and of '.join(map(str, counts))}; move some elsewhere")
    return dict(sorted(named.items(), key=lambda item: item[0].number))


def check_beside(folder: Path) -> None:
    """Refuse a shard's folder in a folder that holds another run, or another number of shards.

    Raises:
        ConfigError: It does.
        StoreError: It holds different numbers of shards.
    """
    shard = Shard.of(folder)
    if shard is None:
        return
    if (folder.parent / RUN).is_file():
        raise ConfigError(f"output: {str(folder.parent)!r} holds a run that is no shard; choose another folder")
    other = next((other for other in shards_in(folder.parent) if other.count != shard.count), None)
    if other is not None:
        raise ConfigError(
            f"output: {str(folder.parent)!r} holds shards of {other.count}; choose another folder, or '/{other.count}'"
        )


def read_runs(folder: Path) -> Record:
    """`run.json` of a run, or of all the shards in a folder as one.

    Raises:
        StoreError: There is none, it is damaged, or the shards are of different runs.
    """
    shards = shards_in(folder)
    if not shards:
        return read_run(folder)
    runs = {shard: read_run(path) for shard, path in shards.items()}
    first, *others = runs.values()
    if any(other.get("identity") != first.get("identity") for other in others):
        raise StoreError(f"{str(folder)!r} holds shards of different runs; move some elsewhere")
    images = [image for run in runs.values() for image in run.get("images", ())]
    return {
        **first,
        "state": _state([str(run.get("state")) for run in runs.values()]),
        "started": min(str(run.get("started")) for run in runs.values()),
        "finished": max((str(run["finished"]) for run in runs.values() if run.get("finished")), default=None),
        "seconds": sum(run.get("seconds", 0) for run in runs.values()),
        **{name: _sum(run.get(name, {}) for run in runs.values()) for name in ("counts", "scores")},
        "warnings": [*missing_of(shards), *dict.fromkeys(w for run in runs.values() for w in run.get("warnings", ()))],
        "images": sorted(images, key=lambda image: int(image.get("number", 0))),
    }


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """By status, over all shards."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _state(states: Sequence[str]) -> str:
    """What shards are together."""
    return next((state for state in ("running", "interrupted") if state in states), "finished")


def missing_of(shards: Mapping[Shard, Path]) -> list[str]:
    """What is said of shards that are not there; nothing where all are, or there are none."""
    if not shards:
        return []
    count = next(iter(shards)).count
    missing = sorted(set(range(1, count + 1)) - {shard.number for shard in shards})
    if not missing:
        return []
    return [f"of {count} shards, these are missing: {', '.join(map(str, missing))}"]


def in_order(records: Iterable[Record], run: Record) -> list[Record]:
    """Records of several shards in the order of their images.

    Args:
        records: As of `read_records`.
        run: As of `read_runs`.
    """
    numbers = {image["name"]: int(image.get("number", 0)) for image in run.get("images", ())}
    return sorted(records, key=lambda record: numbers.get(record.get("image"), 0))


def read_records(folder: Path) -> Iterator[Record]:
    """The manifest of a run, or those of all the shards in a folder, whose files are then named from that folder.

    Raises:
        StoreError: It cannot be read.
    """
    shards = shards_in(folder)
    if not shards:
        yield from read_manifest(folder)
    for path in shards.values():
        for record in read_manifest(path):
            files = record.get("files")
            yield record if not files else {**record, "files": {k: f"{path.name}/{name}" for k, name in files.items()}}
