"""What there is to choose from: models, their layers, methods, devices."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from anyio import to_thread
from fastapi import APIRouter, Request

from torchesegeta import __version__
from torchesegeta.ledger import replacing
from torchesegeta.methods import methods
from torchesegeta.overview import method_rows, metric_rows
from torchesegeta.types import Precision
from torchesegeta.web import catalogue
from torchesegeta.web.answers import Device, LayerRow, ModelInfo, Session
from torchesegeta.web.presets import presets
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.server import Here, gone

router = APIRouter(prefix="/api")

NOISE = {2: 128, 3: 64}
"""Edge of an image of noise, by its dimensions."""


@router.get("/session")
def session(server: Here) -> Session:
    """What the page must know first."""
    return Session(
        version=__version__,
        devices=devices(),
        precisions=list(get_args(Precision)),
        max_upload_bytes=server.settings.most_upload,
    )


def devices() -> list[Device]:
    """The devices of this machine."""
    import torch

    gpus = [Device(name=f"cuda:{i}", title=torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    return [Device(name="cpu", title="CPU"), *gpus]


@router.get("/models")
def models(server: Here) -> list[ModelInfo]:
    """The catalogue."""
    return [catalogue.about(entry) for entry in server.catalogue.entries]


@router.get("/models/{name}/layers")
async def layers(
    name: str, server: Here, request: Request, checkpoint: str | None = None, image: str | None = None
) -> list[LayerRow]:
    """The layers of a model, as they are when it runs on an image: this one, an example of the catalogue, or noise."""
    entry = server.catalogue.entry(name)
    examples = catalogue.about(entry).examples
    ref = image or next((example.ref for example in examples), None)
    model: dict[str, Any] = {"catalogue": name, **({"checkpoint": checkpoint} if checkpoint else {})}
    images = [{"path": [ref]}] if ref else []
    config, problems = server.translator.command_line({"model": model, "images": images})
    if problems:
        raise Refusal(422, "; ".join(problems.values()), problems)
    if ref is None:
        path = await to_thread.run_sync(noise, server.settings.state, entry.spatial_dims, entry.channels)
        config["images"] = [{"path": [str(path)]}]
    rows = await server.bench.ask("layers", config, gone=gone(request))
    return [LayerRow.model_validate(row) for row in rows]


def noise(folder: Path, dims: int, channels: int) -> Path:
    """An image of noise, for models that come without one."""
    import numpy as np

    path = folder / f"noise-{dims}d-{channels}.npy"
    if not path.is_file():
        values = np.random.default_rng(0).random((channels, *[NOISE[dims]] * dims), dtype=np.float32)
        with replacing(path) as stream:
            np.save(stream, values)
    return path


@router.get("/methods")
def all_methods() -> dict[str, Any]:
    """Every method and metric with the JSON schema of its parameters, and the presets."""
    rows = method_rows()
    shows = {name: method.shows for name, method in methods().items()}
    found = [{"name": name, **row, "shows": shows[name]} for name, row in rows.items()]
    judges = [{"name": name, **row} for name, row in metric_rows().items()]
    return {"methods": found, "metrics": judges, "presets": [preset.model_dump() for preset in presets()]}
