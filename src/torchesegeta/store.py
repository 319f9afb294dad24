"""The run folder: maps, sidecars, manifest. A file under its final name is whole; a run that was cut off resumes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from torchesegeta.attributions import Attributions
from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.inputs import map_suffix, output_grid, read_map, replacing, to_file_grid, write_map
from torchesegeta.types import Attribution, Grid, Image

RUN = "run.json"
MANIFEST = "manifest.jsonl"
SCHEMA = 1
DONE = ("ok", "partial", "incompatible")
"""Statuses that are final; others are tried again when a run resumes."""


@dataclass
class Store:
    """A run folder, open for one writer.

    Attributes:
        folder: The run folder.
        channels: Whether files of layer maps keep the layer's channels (`keep`) or hold their sum.
        records: The manifest, the last line of each key winning.
    """

    folder: Path
    channels: str = "sum"
    records: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    _lock: IO[str] | None = None

    @classmethod
    def open(cls, folder: Path, *, identity: Mapping[str, Any] | None = None, channels: str = "sum") -> Store:
        """Open a run folder for writing; make it where there is none.

        Args:
            folder: The run folder.
            identity: What makes the run what it is; an existing run is resumed only where it is equal.
            channels: Of layer maps in files.

        Raises:
            ConfigError: The folder holds another run, or other things.
            StoreError: It cannot be written, or another process is writing to it.
        """
        existing = read_run(folder) if (folder / RUN).is_file() else None
        if existing is None and folder.is_dir() and any(p.name not in (".lock", "log.txt") for p in folder.iterdir()):
            raise ConfigError(f"output: {str(folder)!r} is not empty and is no run; choose another folder")
        if existing is not None and identity is not None:
            _check_same(folder, existing.get("identity", {}), identity)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("w")
        except OSError as error:
            raise StoreError(f"output: {str(folder)!r} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(f"output: another process is writing to {str(folder)!r}") from error
        store = cls(folder, channels, _lock=lock)
        store.records = {_key(r): r for r in read_manifest(folder)}
        return store

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def finished(self) -> set[tuple[str, str]]:
        """(image, label) of tasks whose maps are all there, each file of the size it was written with."""
        tasks = {(r["image"], r["label"]) for r in self.records.values() if r["record"] == "task"}
        return {task for task in tasks if all(self._is_whole(r) for r in self._maps(*task))}

    def _maps(self, image: str, label: str) -> list[dict[str, Any]]:
        return [r for r in self.records.values() if r["record"] == "map" and (r["image"], r["label"]) == (image, label)]

    def _is_whole(self, record: Mapping[str, Any]) -> bool:
        if record["status"] not in DONE:
            return False
        return all((self.folder / name).is_file() for name in record["files"].values())

    def save(self, attribution: Attribution, image: Image) -> dict[str, Any]:
        """Write a map, its sidecar and its manifest line.

        Returns:
            The record.

        Raises:
            StoreError: The disk is full, or the folder cannot be written.
        """
        record = describe(attribution)
        if attribution.values is not None:
            path = self.folder / "attributions" / slug(image.name) / file_stem(attribution)
            values, grid = self.on_disk(attribution, image)
            path = write_values(path, values, grid)
            record["files"]["values"] = str(path.relative_to(self.folder))
            record["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            sidecar = _sidecar(path)
            record["files"]["sidecar"] = str(sidecar.relative_to(self.folder))
            write_json(sidecar, record)
        return record

    def on_disk(self, attribution: Attribution, image: Image) -> tuple[np.ndarray, Grid | None]:
        """A map as its file holds it: values and grid; None for a layer without spatial axes."""
        assert attribution.values is not None
        values = attribution.values
        if attribution.space == "image":
            return np.asarray(to_file_grid(values, image)), output_grid(image)
        if values.ndim != image.data.ndim:
            return values.numpy(), None
        if self.channels == "sum":
            values = values.sum(0, keepdim=True)
        return values.numpy(), Grid(tuple(values.shape[1:]), attribution.affine)

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a line to the manifest.

        Raises:
            StoreError: It cannot be written.
        """
        self.records[_key(record)] = dict(record)
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        path = self.folder / MANIFEST
        try:
            with path.open("ab") as stream:
                if stream.tell() and _last_byte(path) != b"\n":
                    stream.write(b"\n")  # a line that was cut off stays by itself
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error

    def write_run(self, content: Mapping[str, Any]) -> None:
        """Write `run.json` whole.

        Raises:
            StoreError: It cannot be written.
        """
        write_json(self.folder / RUN, {"schema": SCHEMA, **content})

    def counts(self) -> dict[str, int]:
        """Number of maps by status."""
        counts: dict[str, int] = {}
        for record in self.records.values():
            if record["record"] == "map":
                counts[record["status"]] = counts.get(record["status"], 0) + 1
        return dict(sorted(counts.items()))


def describe(attribution: Attribution) -> dict[str, Any]:
    """The manifest record of an attribution, without files."""
    return {
        "record": "map",
        "method": attribution.method,
        "label": attribution.label,
        "target": attribution.target,
        "target_index": attribution.target_index,
        "layer": attribution.layer,
        "image": attribution.image,
        "space": attribution.space,
        "status": attribution.status,
        "reason": attribution.reason,
        "seconds": round(attribution.seconds, 4),
        "passes": attribution.passes,
        "peak_memory_bytes": attribution.peak_memory,
        "warnings": list(attribution.warnings),
        "parameters": attribution.parameters,
        "measures": attribution.measures,
        "signed": attribution.signed,
        "quantity": attribution.quantity,
        "files": {},
    }


def _key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return (record["record"], record.get("kind"), *(record.get(k) for k in ("image", "label", "layer", "target")))


def slug(text: str) -> str:
    """A name as part of a file name; names that lose something get a short hash, so that none collide."""
    plain = re.sub(r"[^\w.\-]+", "_", text).strip(".") or "_"
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def file_stem(attribution: Attribution) -> str:
    """`method`, `method__layer`, `method__target` or `method__layer__target`."""
    return "__".join(
        slug(part) for part in (attribution.label, attribution.layer, attribution.target) if part is not None
    )


def write_values(stem: Path, values: np.ndarray, grid: Grid | None) -> Path:
    """Write values under a name whose suffix fits them.

    Raises:
        StoreError: They cannot be written.
    """
    if grid is None:
        path = stem.with_name(stem.name + ".npy")
        with replacing(path) as stream:
            np.save(stream, values, allow_pickle=False)
        return path
    path = stem.with_name(stem.name + map_suffix(grid))
    write_map(path, values, grid)
    return path


def _sidecar(path: Path) -> Path:
    for suffix in (".nii.gz", ".tif", ".npy"):
        if path.name.endswith(suffix):
            return path.with_name(path.name[: -len(suffix)] + ".json")
    raise ValueError(f"{path.name} is no map")


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole, or not at all.

    Raises:
        StoreError: It cannot be written.
    """
    with replacing(path) as stream:
        stream.write(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False).encode())


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)


def read_run(folder: Path) -> dict[str, Any]:
    """The content of `run.json`.

    Raises:
        StoreError: There is none, or it is damaged.
    """
    try:
        content: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{str(folder)!r} is no run folder: it has no {RUN}") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder / RUN} cannot be read: {error}") from error
    return content


def read_manifest(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of the manifest; lines that were cut off are left out."""
    path = folder / MANIFEST
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and "record" in record:
                yield record


def _check_same(folder: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    different = [name for name in now if before.get(name) != now[name]]
    if different:
        raise ConfigError(
            f"output: {str(folder)!r} holds another run (different: {', '.join(different)}); choose another folder"
        )


def load(folder: Path | str) -> Attributions:
    """Open the maps of a run, or of `Attributions.save`.

    Returns:
        The maps as the files hold them: on the grid of the image's file, layer maps on their layer's.

    Raises:
        StoreError: It is no run folder, or a file is missing.
    """
    folder = Path(folder)
    read_run(folder)
    records = {_key(r): r for r in read_manifest(folder) if r["record"] == "map"}
    return Attributions(_load(folder, record) for record in records.values())


def _load(folder: Path, record: Mapping[str, Any]) -> Attribution:
    values, affine = None, None
    name = record["files"].get("values")
    if name is not None:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise StoreError(f"{folder}: the map {name!r} is not there")
        array, affine = (np.load(path, allow_pickle=False), None) if path.suffix == ".npy" else read_map(path)
        values = torch.from_numpy(np.ascontiguousarray(array))
    same = ("method", "label", "target", "target_index", "layer", "image", "space", "status", "reason", "seconds")
    return Attribution(
        **{k: record[k] for k in same},
        values=values,
        affine=affine,
        passes=record["passes"],
        warnings=tuple(record["warnings"]),
        parameters=record["parameters"],
        measures=record["measures"],
        signed=record["signed"],
        quantity=record["quantity"],
        peak_memory=record.get("peak_memory_bytes"),
    )
