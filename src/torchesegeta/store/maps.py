"""Maps as files: their names, the grid they are written on, what belongs to them, and back."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from torchesegeta.errors import StoreError
from torchesegeta.inputs import map_suffix, output_grid, read_map, to_file_grid, write_map
from torchesegeta.ledger import (
    SUMS,
    Record,
    in_order,
    key_of,
    missing_of,
    read_records,
    read_runs,
    replacing,
    sha256_of,
    shards_in,
    within,
    write_json,
)
from torchesegeta.types import Attribution, Grid, Image, Score

LONGEST = 64
"""Bytes of a part of a file name: three parts, an ending and a temporary prefix stay below the usual 255."""
SUFFIXES = (".nii.gz", ".tif", ".npy")


def slug(text: str) -> str:
    """A name as part of a file name; names that lose more than spaces get a short hash, so that none collide.

    It neither holds nor ends in two underscores: those part it from its neighbours.
    """
    plain = re.sub(r"[^\w.\-]+|__+", "_", text).strip(".").removesuffix("_")
    plain = plain.encode()[:LONGEST].decode(errors="ignore") or "_"
    return plain if plain == text.replace(" ", "_") else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def file_stem(attribution: Attribution) -> str:
    """`method`, `method__layer`, `method__target` or `method__layer__target`."""
    parts = (attribution.label, attribution.layer, attribution.target)
    return "__".join(slug(part) for part in parts if part is not None)


def sidecar_of(path: Path) -> Path:
    """The JSON file beside a map."""
    suffix = next(s for s in SUFFIXES if path.name.endswith(s))
    return path.with_name(path.name[: -len(suffix)] + ".json")


def on_disk(
    attribution: Attribution, image: Image | None, channels: str = "sum"
) -> tuple[NDArray[np.float32], Grid | None]:
    """A map as its file holds it.

    Args:
        attribution: The map, with values.
        image: What it explains: maps in image space go back to the grid of its file, and so do pictures of its shape.
            Other pictures keep a grid of their own. None, where it is not at hand, leaves all on their own grid.
        channels: Whether a layer's channels are kept (`keep`) or summed (`sum`).

    Returns:
        The values, and their grid; None for a layer without spatial axes.
    """
    assert attribution.values is not None
    values = attribution.values
    if attribution.space == "image" and image is not None and _is_on(attribution, image):
        return np.asarray(to_file_grid(values, image)), output_grid(image)
    if image is not None and values.ndim != image.data.ndim or values.ndim not in (3, 4):
        return values.numpy(), None
    if attribution.space == "layer" and attribution.shows == "map" and channels == "sum":
        values = values.sum(0, keepdim=True)
    return values.numpy(), _own_grid(attribution, tuple(values.shape[1:]))


def _is_on(attribution: Attribution, image: Image) -> bool:
    assert attribution.values is not None
    return attribution.shows == "map" or tuple(attribution.values.shape[1:]) == image.shape


def _own_grid(attribution: Attribution, shape: tuple[int, ...]) -> Grid:
    """A 2D map with a place in space must become NIfTI: TIFF would lose it."""
    from nibabel.nifti1 import Nifti1Header

    flat = len(shape) == 2 and attribution.affine is not None
    return Grid(shape, attribution.affine, Nifti1Header() if flat else None)


def save_map(folder: Path, attribution: Attribution, image: Image | None, record: Record, channels: str) -> None:
    """Write a map's values and what belongs to them into a run folder, and note the files in its record.

    Args:
        folder: The run folder.
        attribution: The map; one without values needs no file.
        image: What it explains, or None where it is not at hand.
        record: As of `describe`; gets `files` and their SHA-256.
        channels: Whether a layer's channels are kept (`keep`) or summed (`sum`).

    Raises:
        StoreError: The disk is full, or the folder cannot be written.
    """
    if attribution.values is None:
        return
    stem = folder / "attributions" / slug(attribution.image) / file_stem(attribution)
    path = write_values(stem, *on_disk(attribution, image, channels))
    record["files"]["values"] = path.relative_to(folder).as_posix()
    record["files"]["sidecar"] = sidecar_of(path).relative_to(folder).as_posix()
    record[SUMS["values"]] = sha256_of(path)
    if attribution.arrays:
        path = write_arrays(stem, attribution.arrays)
        record["files"]["arrays"] = path.relative_to(folder).as_posix()
        record[SUMS["arrays"]] = sha256_of(path)


def save_score(folder: Path, score: Score, record: Record) -> None:
    """Write what figures of a score are drawn from, where there is such, and note it in the score's record.

    Raises:
        StoreError: It cannot be written.
    """
    if not score.arrays:
        return
    parts = (score.metric, score.label, score.layer, score.target)
    stem = folder / "evaluation" / slug(score.image) / "__".join(slug(part) for part in parts if part is not None)
    path = write_arrays(stem, score.arrays)
    record["files"]["arrays"] = path.relative_to(folder).as_posix()
    record[SUMS["arrays"]] = sha256_of(path)


def write_sidecar(folder: Path, record: Record) -> None:
    """Write a map's record beside its values, where it has any.

    Raises:
        StoreError: It cannot be written.
    """
    if "sidecar" in record["files"]:
        write_json(folder / record["files"]["sidecar"], record, durable=False)


def write_values(stem: Path, values: NDArray[np.float32], grid: Grid | None) -> Path:
    """Write values under a name whose suffix fits them.

    Raises:
        StoreError: They cannot be written.
    """
    if grid is None:
        path = stem.with_name(stem.name + ".npy")
        with replacing(path, durable=False) as stream:
            np.save(stream, values, allow_pickle=False)
        return path
    path = stem.with_name(stem.name + map_suffix(grid))
    write_map(path, values, grid)
    return path


def write_arrays(stem: Path, arrays: Mapping[str, Tensor]) -> Path:
    """Write what belongs to a map, under its names, as one `.safetensors` file.

    Raises:
        StoreError: It cannot be written.
    """
    path = stem.with_name(stem.name + ".safetensors")
    with replacing(path, durable=False) as stream:
        stream.write(safetensors.numpy.save({n: array.contiguous().numpy() for n, array in arrays.items()}))
    return path


def read_maps(folder: Path) -> list[Attribution]:
    """The maps of a run, of all its shards, or of `Attributions.save`, as the files hold them.

    Warns where a shard is missing.

    Raises:
        StoreError: It is no run folder, or a file is missing or damaged.
    """
    run, shards = read_runs(folder), shards_in(folder)
    for text in missing_of(shards):
        warnings.warn(text, stacklevel=3)
    records = {key_of(record): record for record in read_records(folder) if record["record"] == "map"}
    ordered = in_order(records.values(), run) if shards else records.values()
    return [read_map_of(folder, record) for record in ordered]


def read_map_of(folder: Path, record: Mapping[str, Any]) -> Attribution:
    """The map of a line of the manifest, as its file holds it.

    Raises:
        StoreError: A file is missing or damaged.
    """
    values, affine = None, None
    path = _path(folder, record, "values", "map")
    if path is not None:
        array, affine = (_read_array(path), None) if path.suffix == ".npy" else read_map(path)
        values = torch.from_numpy(np.ascontiguousarray(array))
    same = ("method", "label", "target", "target_index", "layer", "image", "space", "status", "reason", "seconds")
    return Attribution(
        **{field: record[field] for field in same},
        values=values,
        affine=affine,
        passes=record["passes"],
        warnings=tuple(record["warnings"]),
        parameters=record["parameters"],
        measures={name: value for name, value in record["measures"].items() if value is not None},
        matched=record.get("matched", {}),
        signed=record["signed"],
        quantity=record["quantity"],
        shows=record.get("shows", "map"),
        of_model=record.get("of_model", False),
        covers=record.get("covers", False),
        retries=record.get("retries", 0),
        precision=record.get("precision", "float32"),
        peak_memory=record["peak_memory_bytes"],
        arrays=_read_arrays(_path(folder, record, "arrays", "file of arrays")),
    )


def _path(folder: Path, record: Mapping[str, Any], kind: str, words: str) -> Path | None:
    name = record["files"].get(kind)
    if name is None:
        return None
    path = folder / str(name)
    if within(folder, str(name)) is None or not path.is_file():
        raise StoreError(f"{folder}: the {words} {name!r} is not there")
    return path


def _read_arrays(path: Path | None) -> dict[str, Tensor]:
    if path is None:
        return {}
    try:
        return safetensors.torch.load(path.read_bytes())
    except (OSError, safetensors.SafetensorError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def _read_array(path: Path) -> NDArray[np.float32]:
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
