"""A small project in a folder: a model, images and a config, run in this process or in another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from torchesegeta.execute import Event, Listener, execute
from torchesegeta.ledger import read_manifest, read_run

from .thread import WorkerThread

AFFINE = np.array([[0, -0.5, 0, 11], [0.7, 0, 0, -20], [0, 0, 1.2, 5], [0, 0, 0, 1]], dtype=float)

NET = '''
import ctypes
import os
import time
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    """Segments; with `hold`, a pass over several points waits while that file exists.

    `output`: "nan" puts out NaN, "cut" fails in the backward pass.
    """

    def __init__(self, dims=3, channels=1, classes=3, hold=None, native=False, output="ok", least=1):
        super().__init__()
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        self.enc, self.act = conv(channels, 4, 3, padding=1), nn.ReLU(inplace=True)
        self.mid, self.head = conv(4, 4, 1), conv(4, classes, 1)
        self.hold, self.native, self.output, self.least = hold, native, output, least

    def forward(self, x):
        if self.hold and len(x) > 1:
            Path(self.hold).with_suffix(".reached").write_text(str(os.getpid()))
            while Path(self.hold).exists():
                if self.native:
                    ctypes.PyDLL(None).sleep(200)  # in native code, with the interpreter's lock held
                time.sleep(0.02)
        if x.shape[2] < self.least:
            raise ValueError("too thin")
        y = self.head(self.act(self.mid(self.act(self.enc(x)))))
        if self.output == "cut" and y.requires_grad:
            y.register_hook(lambda gradient: 1 / 0)
        return y * float("nan") if self.output == "nan" else y


def broken():
    raise RuntimeError("no weights today")


def number():
    return 3
'''


class Project:
    """A folder with `net.py`, `a.nii.gz` and `b.nii.gz`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "run"
        (folder / "net.py").write_text(NET)
        self.image("a.nii.gz")
        self.image("b.nii.gz")

    def image(self, name: str, shape: Sequence[int] = (8, 9, 10), value: float | None = None) -> Path:
        """Write a NIfTI image, its first voxel set to `value`."""
        values: NDArray[np.float32] = np.random.default_rng(len(name) + ord(name[0])).random(shape, dtype=np.float32)
        if value is not None:
            values.flat[0] = value
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), self.folder / name)
        return self.folder / name

    def config(self, name: str = "config.json", **changes: Any) -> Path:
        """Write a config; a field that is None is left out."""
        fields: dict[str, Any] = {
            "model": {"factory": "net.py:Net"},
            "images": [{"path": "a.nii.gz"}],
            "target": {"kind": "multiclass"},
            "layers": ["enc"],
            "methods": ["saliency", "layer_gradcam"],
            "output": "run",
            **changes,
        }
        path = self.folder / name
        path.write_text(json.dumps({k: v for k, v in fields.items() if v is not None}), encoding="utf-8")
        return path

    def run(self, config: Path | None = None, also: Listener = lambda event: None) -> list[Any]:
        """Run a config in this process; what ends it early is the last event."""
        events: list[Any] = []

        def listen(event: Event) -> None:
            events.append(event)
            also(event)

        path = config or self.config()
        outcome = execute(path, listen, hire=lambda number: WorkerThread(path, number))
        if outcome.state != "finished":
            events.append({"kind": outcome.state, "text": outcome.text})
        return events

    def refused(self, **changes: Any) -> str:
        """Run a config that is wrong, and return what is said about it."""
        events = self.run(self.config(**changes))
        assert [event["kind"] for event in events] == ["refused"], events
        assert not self.output.exists()
        return str(events[0]["text"])

    def maps(self, output: Path | None = None) -> list[dict[str, Any]]:
        """The manifest's lines of maps."""
        return [record for record in read_manifest(output or self.output) if record["record"] == "map"]

    def statuses(self) -> dict[str, str]:
        """Status by `image/label`; the worst where a method has several maps."""
        tasks = [r for r in read_manifest(self.output) if r["record"] == "task"]
        return {f"{r['image']}/{r['label']}": r["status"] for r in tasks}

    def state(self) -> str:
        """What `run.json` says."""
        return str(read_run(self.output)["state"])

    def values(self, output: Path | None = None) -> dict[str, bytes]:
        """The files of maps, byte for byte."""
        folder = (output or self.output) / "attributions"
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.nii.gz"))}
