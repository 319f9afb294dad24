"""Makes the small copy of the reference set that tests use where the complete one is not at hand.

Run it as `TORCHESEGETA_GOLDEN=... python -m golden.copy_subset` from the folder `tests`. For every method and network
it keeps the smallest stored map, with the arrays that its comparisons need, and of pictures what `pictures.py` lists.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .comparisons import comparisons
from .loader import COPY, Entry, complete_set, entries
from .pictures import KEPT

NETWORKS = ("cnn2d", "unet2d", "cnn3d", "unet3d")
INPUTS = ("x", "logits", "masks")
DRAWS = ("noise", "coefficients", "baseline_index", "permutations", "interpretable", "outputs", "weights", "grids")
LARGEST = 30_000
"""Bytes of a stored map; a larger one is kept only if its method has no smaller one."""


def pick(root: Path, name: str, wanted: Iterable[str]) -> dict[str, Any]:
    """The wanted arrays of a stored file, as far as it has them."""
    with np.load(root / name, allow_pickle=False) as stored:
        return {array: stored[array] for array in wanted if array in stored.files}


def packed(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as a compressed file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def needed(root: Path, entry: Entry) -> bytes:
    """What the comparisons of an entry need of its file."""
    wanted = {*DRAWS}
    for comparison in comparisons(entry):
        wanted |= {comparison.array, *comparison.stored.values(), *([comparison.images] if comparison.images else [])}
    return packed(pick(root, entry.file, sorted(wanted)))


def self_contained(entry: Entry) -> bool:
    """Whether its comparisons need nothing of the network's inputs but the image."""
    ours = comparisons(entry)
    return bool(ours) and not any(comparison.given for comparison in ours)


def chosen(root: Path) -> dict[str, bytes]:
    """The files of the entries to keep, by entry."""
    offers: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    files = {e.id: needed(root, e) for e in entries(root) if e.model in NETWORKS and self_contained(e)}
    for entry in entries(root):
        if entry.id in files:
            for comparison in comparisons(entry):
                offers[comparison.method, entry.model].append((len(files[entry.id]), entry.id))
    smallest = {key: min(some) for key, some in offers.items()}
    at_least = {method: min(some for (m, _), some in smallest.items() if m == method) for method, _ in smallest}
    kept = {id for size, id in smallest.values() if size <= LARGEST} | {id for _, id in at_least.values()}
    return {id: files[id] for id in sorted(kept)}


def shortened(line: Mapping[str, Any], file: bytes) -> dict[str, Any]:
    """An entry of the index, with only the arrays that were kept."""
    with np.load(io.BytesIO(file), allow_pickle=False) as stored:
        return {**line, "arrays": {name: line["arrays"][name] for name in stored.files}}


def write(root: Path, target: Path) -> int:
    """Write the copy anew; its size in bytes."""
    shutil.rmtree(target, ignore_errors=True)
    for folder in ("inputs", "maps", "weights"):
        (target / folder).mkdir(parents=True)
    index = json.loads((root / "index.json").read_text())
    paths = {line["id"]: line.get("file") for line in index["entries"]}
    files = chosen(root) | {id: packed(pick(root, paths[id], wanted)) for id, wanted in KEPT.items()}
    lines = [shortened(line, files[line["id"]]) for line in index["entries"] if line["id"] in files]
    for line in lines:
        (target / line["file"]).write_bytes(files[line["id"]])
    for model in sorted({line["model"] for line in lines} - {None}):
        shutil.copyfile(root / "weights" / f"{model}.npz", target / "weights" / f"{model}.npz")
        (target / "inputs" / f"{model}.npz").write_bytes(packed(pick(root, f"inputs/{model}.npz", INPUTS)))
    text = json.dumps({"conventions": index["conventions"], "entries": lines}, indent=1)
    (target / "index.json").write_text(text + "\n")
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def main() -> None:
    """Make the copy and say what it holds."""
    root = complete_set()
    if root is None:
        raise SystemExit("TORCHESEGETA_GOLDEN is not set: it must name the folder of the complete set")
    size = write(root, COPY)
    print(f"{len(entries(COPY))} entries, {size / 1e6:.2f} MB in {COPY}")


if __name__ == "__main__":
    main()
