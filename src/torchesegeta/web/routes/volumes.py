"""Volumes of a run for the viewer: image, label, prediction, maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from torchesegeta.report.volumes import image_volume, map_volume
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.routes.images import packed
from torchesegeta.web.run_folders import image_shape, prediction_file
from torchesegeta.web.server import Here

router = APIRouter(prefix="/api/runs/{run}")

GZIP = "application/gzip"


@router.get("/images/{name}/{kind}", response_class=Response)
def image(run: str, name: str, kind: Literal["volume", "label", "prediction"], server: Here) -> Response:
    """An image of a run, its label, or what the model predicted."""
    folder = server.folder(run)
    if kind == "volume":
        path = server.folders.image_file(folder, name)
    else:
        path = server.folders.label_file(folder, name) if kind == "label" else prediction_file(folder, name)
    if path is None:
        raise Refusal(404, f"the {kind} of {name[:80]!r} is not here, or in no folder that is served")
    if kind == "prediction" and _is_volume(path):
        return FileResponse(path, media_type=GZIP)
    return packed(image_volume(path, server.settings.most_values))


@router.get("/maps/{number}/volume", response_class=Response)
def map_of(run: str, number: str, server: Here) -> Response:
    """A map, channels summed."""
    folder = server.folder(run)
    record = server.folders.record(folder, number)
    path = server.folders.file(folder, record)
    if _is_volume(path) and record.get("space") == "image" and record.get("shows") != "picture":
        return FileResponse(path, media_type=GZIP)
    content = map_volume(path, server.settings.most_values, _over(server, folder, record))
    if content is None:
        raise Refusal(404, "this map has no spatial axes; download its file")
    return packed(content)


def _over(server: Here, folder: Path, record: Any) -> list[int] | None:
    if record.get("space") == "image":
        return None
    return image_shape(server.folders.about(folder), str(record.get("image")))


def _is_volume(path: Path) -> bool:
    """Whether the viewer takes a file as it is: a packed volume of one channel."""
    from torchesegeta.inputs import peek

    seen = peek(path) if path.name.endswith(".nii.gz") else None
    return seen is not None and len(seen.shape) == 3 and seen.spatial_dims == 3
