"""Images: served folders, uploads, previews."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from torchesegeta.report.volumes import image_volume
from torchesegeta.web import uploads
from torchesegeta.web.answers import ImageRef, Listing
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.server import Here, gone

router = APIRouter(prefix="/api")

BINARY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


@router.get("/images")
def images(server: Here, folder: str = "") -> Listing:
    """The images of a served folder, and the folders in it."""
    return server.places.list(folder)


@router.post("/uploads", openapi_extra=BINARY)
async def upload(
    request: Request, server: Here, name: Annotated[str, Query(max_length=300)], kind: uploads.Kind = "image"
) -> ImageRef:
    """Take a file, sent as it is."""
    try:
        return await uploads.receive(name, kind, request.stream(), server.settings)
    except ClientDisconnect as error:
        raise Refusal(400, "the upload broke off") from error


@router.get("/images/{ref:path}/volume", response_class=Response)
async def volume(ref: str, server: Here, request: Request, model: str | None = None) -> Response:
    """An image for the viewer, as the file holds it, or as a model sees it."""
    path = server.places.path(ref)
    if model is None:
        return packed(await to_thread.run_sync(image_volume, path, server.settings.most_values))
    config, problems = server.translator.command_line({"model": {"catalogue": model}, "images": [{"path": [ref]}]})
    if problems:
        raise Refusal(422, "; ".join(problems.values()), problems)
    return packed(await server.sight.ask("preview", config, gone=gone(request)))


def packed(content: bytes) -> Response:
    """A packed NIfTI file."""
    return Response(content, media_type="application/gzip")
