"""Runs: the list, the queue, starting, following, ending."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from torchesegeta.ledger import LOG, Shard
from torchesegeta.store import slug
from torchesegeta.web.answers import RunDetail, RunRow
from torchesegeta.web.book import Entry
from torchesegeta.web.checks import checked
from torchesegeta.web.configs import folder_name
from torchesegeta.web.progress import Progress
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.routes.configs import Given
from torchesegeta.web.run_folders import id_of, name_of
from torchesegeta.web.server import Here, Server

router = APIRouter(prefix="/api/runs")

OFTEN = 2.0
"""Seconds after which a page is told where a run stands, whatever happens."""
LONGEST_LOG = 2**20
"""Bytes from the end of a log that are looked through for its last lines."""
OVER = ("done", "failed", "cancelled", "interrupted")


@router.get("")
def runs(server: Here) -> list[RunRow]:
    """Every run, those that were asked for here first, the newest first."""
    entries = server.book.all()
    known = {entry.folder for entry in entries}
    own = [_row(server, entry) for entry in entries if not entry.hidden]
    others = [_other(server, name) for name in server.folders.names() if name not in known]
    return [*own, *_in_order(others)]


def _in_order(rows: list[RunRow]) -> list[RunRow]:
    """The newest first; the parts of one data set beside each other, the first before the others."""
    newest: dict[str, str] = {}
    for row in rows:
        newest[_whole(row)] = max(newest.get(_whole(row), ""), row.started or "")
    alike = sorted(rows, key=lambda row: name_of(row.id))
    return sorted(alike, key=lambda row: (newest[_whole(row)], _whole(row)), reverse=True)


def _whole(row: RunRow) -> str:
    """The folder of the run that a part belongs to; of any other run its own."""
    path = Path(name_of(row.id))
    return str(path.parent if Shard.of(path) is not None else path)


@router.post("", status_code=201)
async def start(config: Given, server: Here) -> RunRow:
    """Put a run into the queue."""
    translated = await to_thread.run_sync(checked, config, server.translator)
    folder = _free(server, folder_name(str(config.get("output", "run"))))
    translated["output"] = str(server.translator.runs / folder)
    return _row(server, server.queue.add(folder, config, translated))


def _free(server: Server, name: str) -> str:
    """The name, with a number where it is taken."""
    names = chain([name], (slug(f"{name}-{number}") for number in count(2)))
    return next(n for n in names if server.book.find(n) is None and not (server.settings.runs / n).exists())


@router.get("/{run}")
def detail(run: str, server: Here) -> RunDetail:
    """A run, with its images."""
    row = find(server, run)
    values = row.model_dump(exclude={"images"})
    entry = server.entry(run)
    config = entry.config if entry is not None and not entry.hidden else None
    blank: dict[str, Any] = {"images": [], "config": config, "classes": [], "notes": [], "warnings": []}
    resumable = entry is not None and row.status in ("failed", "cancelled", "interrupted")
    try:
        folder = server.folder(run)
    except Refusal:
        return RunDetail.model_validate({**values, **blank, "resumable": resumable})
    about = server.folders.about(folder)
    told = {"classes": "class_names", "notes": "notes", "warnings": "warnings"}
    lists = {key: [str(one) for one in about.get(name) or []] for key, name in told.items()}
    images = server.folders.images(run, folder)
    return RunDetail.model_validate(
        {**values, **blank, **lists, "images": images, "config": config or about.get("config"), "resumable": resumable}
    )


@router.post("/{run}/cancel")
async def cancel(run: str, server: Here) -> RunRow:
    """End a run, or take it from the queue; the maps that there are stay."""
    _own(server, run)
    await server.queue.cancel(name_of(run))
    return find(server, run)


@router.post("/{run}/resume")
async def resume(run: str, server: Here) -> RunRow:
    """Let a run go on that was cut off."""
    entry = _own(server, run)
    if entry.status in ("queued", "running"):
        raise Refusal(409, "it waits already, or is under way")
    server.queue.resume(entry.folder)
    return find(server, run)


@router.delete("/{run}", status_code=204)
async def remove(run: str, server: Here) -> Response:
    """Take a run from the list; its folder stays."""
    row = find(server, run)
    if row.status == "running":
        raise Refusal(409, "it is under way; cancel it first")
    name = name_of(run)
    if (server.settings.runs / name).exists():
        server.book.hide(name)
    else:
        server.book.remove(name)
    return Response(status_code=204)


@router.get("/{run}/log", response_class=PlainTextResponse)
def log(run: str, server: Here, tail: Annotated[int, Query(ge=1, le=100_000)] = 200) -> PlainTextResponse:
    """The last lines of the log; before there is one, what the run's process said."""
    find(server, run)
    files = [server.settings.runs / name_of(run) / LOG, server.settings.state / "logs" / f"{name_of(run)}.txt"]
    text = next((text for path in files if (text := _last_lines(path, tail))), "")
    return PlainTextResponse(text)


def _last_lines(path: Any, tail: int) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LONGEST_LOG))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-tail:])
    except OSError:
        return ""


@router.get("/{run}/events", response_class=StreamingResponse)
async def events(run: str, server: Here, request: Request) -> StreamingResponse:
    """What happens in a run, as it happens."""
    await to_thread.run_sync(find, server, run)
    stream = _follow(server, name_of(run)) if server.entry(run) is not None else _watch(server, run)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _follow(server: Server, folder: str) -> AsyncIterator[str]:
    queue = server.queue
    heard = queue.follow(folder)
    try:
        while True:
            state = queue.state(folder)
            yield _event("state", state)
            if state["status"] in OVER or queue.closing:
                yield _event("end", {"status": state["status"]})
                return
            async for event in _until_due(heard):
                yield _event(event["kind"], event)
    finally:
        queue.leave(folder, heard)


async def _until_due(heard: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """What is heard, until the state is to be told again."""
    clock = asyncio.get_running_loop()
    due = clock.time() + OFTEN
    while (left := due - clock.time()) > 0:
        try:
            event = await asyncio.wait_for(heard.get(), left)
        except TimeoutError:
            return
        if event["kind"] in ("begun", "queued", "end"):
            return
        yield event


async def _watch(server: Server, run: str) -> AsyncIterator[str]:
    """Follow a run that another program makes."""
    while True:
        row = await to_thread.run_sync(find, server, run)
        yield _event("state", Progress(row.status, row.counts).state())
        if row.status in OVER or server.queue.closing:
            yield _event("end", {"status": row.status})
            return
        await asyncio.sleep(OFTEN)


def _event(kind: str, content: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(content)}\n\n"


def find(server: Server, run: str) -> RunRow:
    """A run by its id.

    Raises:
        Refusal: There is none.
    """
    entry = server.entry(run)
    if entry is not None and not entry.hidden:
        return _row(server, entry)
    server.folder(run)
    return _other(server, name_of(run))


def _own(server: Server, run: str) -> Entry:
    """A run that was asked for here.

    Raises:
        Refusal: It was not.
    """
    entry = server.entry(run)
    if entry is None or entry.hidden:
        server.folder(run)
        raise Refusal(409, "this run was not started here; use the command line")
    return entry


def _row(server: Server, entry: Entry) -> RunRow:
    path = server.settings.runs / entry.folder
    names = {one.id: one.name for one in server.catalogue.entries}
    return RunRow(
        id=id_of(entry.folder),
        name=entry.folder,
        status=entry.status,
        place=server.queue.place(entry.folder) if entry.status == "queued" else None,
        created=entry.created,
        started=entry.started,
        finished=entry.finished,
        model=names.get(entry.model, entry.model),
        images=list(entry.images),
        counts=server.folders.counts(path),
        error=entry.error,
    )


def _title(name: str) -> str:
    """What a run folder is called in the list: a part of a data set by its number, not by its folder."""
    path = Path(name)
    shard = Shard.of(path)
    if shard is None:
        return name
    whole = "" if path.parent == Path() else f"{path.parent.as_posix()}, "
    return f"{whole}part {shard.number} of {shard.count}"


def _other(server: Server, name: str) -> RunRow:
    """A run folder that was not made here."""
    folder = server.settings.runs / name
    about = server.folders.about(folder)
    model = (about.get("config") or {}).get("model") or {}
    images = about.get("images") if isinstance(about.get("images"), list) else []
    return RunRow(
        id=id_of(name),
        name=_title(folder.resolve().name if name == "." else name),
        status=server.folders.status(folder),
        created=about.get("started"),
        started=about.get("started"),
        finished=about.get("finished"),
        model=str(model.get("factory") or model.get("program") or ""),
        images=[str(image.get("name")) for image in images or []],
        counts=server.folders.counts(folder),
    )
