"""Maps of a run: their table, values, files, and those of another run beside them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from torchesegeta.report.volumes import value_at
from torchesegeta.web.answers import CascadeStep, Comparison, MapRow, Pair, Value
from torchesegeta.web.archive import What, archive
from torchesegeta.web.cascades import cascade_step
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.run_folders import inside, name_of
from torchesegeta.web.server import Here

router = APIRouter(prefix="/api")

CAGE = {"Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; img-src data:; style-src "
        "'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'self'"}  # fmt: skip
"""What a run folder holds may come from anywhere: a page in it has no part in this server's own."""


@router.get("/runs/{run}/maps", response_model=list[MapRow])
def maps(run: str, server: Here) -> Response:
    """The maps of a run; none before it has begun."""
    try:
        folder = server.folder(run)
    except Refusal:
        if server.entry(run) is None:
            raise
        return Response(b"[]", media_type="application/json")
    return Response(server.folders.maps_json(run, folder), media_type="application/json")


@router.get("/runs/{run}/maps/{number}/value")
def value(run: str, number: str, server: Here, at: Annotated[str, Query(pattern=r"^\d{1,6}(,\d{1,6}){1,2}$")]) -> Value:
    """The value at a voxel of the map's file."""
    folder = server.folder(run)
    path = server.folders.file(folder, server.folders.record(folder, number))
    found, place = value_at(path, server.settings.most_values, [int(index) for index in at.split(",")])
    return Value(value=found, position_mm=place)


@router.get("/runs/{run}/maps/{number}/cascade")
def cascade(
    run: str,
    number: str,
    server: Here,
    step: Annotated[int, Query(ge=0, le=10_000)] = 0,
    metric: Annotated[str | None, Query(max_length=200)] = None,
) -> CascadeStep:
    """A map at a step of a cascade of random weights: the views that its score kept."""
    folder = server.folder(run)
    record = server.folders.record(folder, number)
    path, score = server.folders.cascade(folder, record, metric)
    about = server.folders.image_about(folder, record["image"])
    return cascade_step(path, score, step, about, server.settings.most_values)


@router.get("/runs/{run}/files/{name:path}", response_class=FileResponse)
def file(run: str, name: str, server: Here) -> FileResponse:
    """A file of a run folder."""
    path = inside(server.folder(run), name)
    if not path.is_file():
        raise Refusal(404, f"{name[:200]!r} is a folder")
    return FileResponse(path, headers=CAGE)


@router.get("/runs/{run}/report", response_class=FileResponse)
def report(run: str, server: Here) -> FileResponse:
    """The report of a run."""
    try:
        return FileResponse(inside(server.folder(run), "report.html"), headers=CAGE)
    except Refusal as error:
        raise Refusal(404, "there is no report yet: it is written when a run has finished") from error


@router.get("/runs/{run}/archive", response_class=StreamingResponse)
def packed(run: str, server: Here, what: What = "all") -> StreamingResponse:
    """The files of a run as a ZIP."""
    folder = server.folder(run)
    name = f"{name_of(run).rpartition('/')[2].strip('.') or 'run'}-{what}.zip".encode("ascii", "replace").decode()
    headers = {"Content-Disposition": f'attachment; filename="{name.replace(chr(34), "_")}"'}
    return StreamingResponse(archive(folder, what), media_type="application/zip", headers=headers)


@router.get("/compare")
def compare(a: str, b: str, server: Here) -> Comparison:
    """Two runs map by map: what has the same image, method, layer and target stands side by side."""
    one, two = ({_key(row): row for row in server.folders.map_rows(run, server.folder(run))} for run in (a, b))
    pairs = [
        Pair(key=" · ".join(filter(None, key)), title=(one.get(key) or two[key]).title, a=one.get(key), b=two.get(key))
        for key in dict.fromkeys([*one, *two])
    ]
    return Comparison(pairs=pairs)


def _key(row: MapRow) -> tuple[str, ...]:
    return (row.image, row.label, row.layer or "", row.target or "")
