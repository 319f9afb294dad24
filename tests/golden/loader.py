"""Reads a folder of reference data: index, weights, inputs and maps.

The complete set lies where TORCHESEGETA_GOLDEN points; without it the small copy beside this file serves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .models import MODELS

COPY = Path(__file__).parent / "data"


def complete_set() -> Path | None:
    """The folder of the complete set, or None where the variable is not set."""
    place = os.environ.get("TORCHESEGETA_GOLDEN")
    return Path(place) / "open" if place else None


@dataclass(frozen=True)
class Entry:
    """What one reference computed: a line of the index.

    Attributes:
        id: source.method.model[.variant].
        source: The reference: captum, torchray, torchcam, jacobgil, cnnvis, esegeta, or own.
        trust: How far it is believed, for the entry or for each array.
        measure: How its tolerance is meant.
    """

    id: str
    source: str
    method: str
    variant: str
    model: str
    target: int
    layer: str | None
    parameters: Mapping[str, Any]
    file: str
    arrays: tuple[str, ...]
    trust: str
    measure: str
    tolerance: float

    def trusts(self, array: str) -> bool:
        """Whether an array is a target: of high trust, by its own mark where it has one."""
        marks = dict(part.strip().split(": ", 1) for part in self.trust.split(";") if ": " in part)
        return marks.get(array, self.trust if not marks else "") == "high"


def _entry(line: Mapping[str, Any]) -> Entry:
    return Entry(
        id=line["id"],
        source=line["id"].split(".")[0],
        method=line["method"],
        variant=line["variant"],
        model=line["model"],
        target=line["target"],
        layer=line["layer"],
        parameters=line["params"],
        file=line["file"],
        arrays=tuple(line["arrays"]),
        trust=line["trust"],
        measure=line["tolerance"]["measure"],
        tolerance=line["tolerance"]["value"],
    )


@cache
def entries(root: Path) -> tuple[Entry, ...]:
    """Every entry of a set that ran on one of the networks."""
    index = json.loads((root / "index.json").read_text())
    return tuple(_entry(e) for e in index["entries"] if e["status"] == "ok" and e["model"] in MODELS)


def _read(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def arrays(root: Path, entry: Entry) -> dict[str, Tensor]:
    """The arrays of an entry."""
    return _read(root / entry.file)


def arrays_of(root: Path, id: str) -> dict[str, Tensor] | None:
    """The arrays of an entry, with or without a network, by its id; None where the set does not hold it."""
    index = json.loads((root / "index.json").read_text())
    files = {e["id"]: e["file"] for e in index["entries"] if e["status"] == "ok"}
    return _read(root / files[id]) if id in files else None


@cache
def inputs(root: Path, model: str) -> dict[str, Tensor]:
    """`x` (1, C, *spatial), `logits`, and for segmentation `masks` (K, *spatial)."""
    return _read(root / "inputs" / f"{model}.npz")


@cache
def network(root: Path, model: str) -> nn.Module:
    """A network with its weights, in eval mode."""
    net = MODELS[model]()
    net.load_state_dict(_read(root / "weights" / f"{model}.npz"))
    return net.eval()
