"""Maps of a run on the grid of the model again: what metrics judge."""

from __future__ import annotations

from pathlib import Path

import torch

from torchesegeta.inputs import file_keeps_all, from_file_grid
from torchesegeta.ledger import Record
from torchesegeta.store.maps import read_map_of
from torchesegeta.types import Attribution, Image

MODEL_GRID = "model_grid"
"""Name of the array that holds a map's values where its file has lost some of them."""


def keep_model_grid(attribution: Attribution, image: Image) -> None:
    """Put a map's values with what is stored beside it, unless its file holds them all."""
    if attribution.values is None or attribution.shows == "picture" or attribution.space == "layer":
        return
    if not file_keeps_all(image):
        attribution.arrays = {**attribution.arrays, MODEL_GRID: attribution.values}


def read_on_model_grid(folder: Path, record: Record, image: Image) -> Attribution | None:
    """A map of a run as it was made; None where the run has not kept it.

    Args:
        folder: The run folder.
        record: The map's line of the manifest.
        image: What it explains.

    Raises:
        StoreError: A file is missing or damaged.
    """
    found = read_map_of(folder, record)
    if found.values is None or found.space == "layer" or found.shows == "picture":
        return found
    kept = found.arrays.get(MODEL_GRID)
    if kept is None and not file_keeps_all(image):
        return None
    found.values = torch.from_numpy(from_file_grid(found.values.numpy(), image).copy()) if kept is None else kept
    return found
