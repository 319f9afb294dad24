"""Configs: checked as one types, planned, tried, taken to the command line and back."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Request, Response

from torchesegeta.web.answers import Exported, Imported, Validation
from torchesegeta.web.checks import checked, checked_for_elsewhere, validate
from torchesegeta.web.configs import Config
from torchesegeta.web.loading import load
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.routes.images import packed
from torchesegeta.web.script import export
from torchesegeta.web.server import Here, gone

router = APIRouter(prefix="/api")

Given = Annotated[Config, Body(description="A config, as the page makes it.")]


@router.post("/validate")
def validated(config: Given, server: Here) -> Validation:
    """What is wrong, by field; and the methods that the model makes impossible."""
    return validate(config, server.translator)


@router.post("/plan")
async def plan(config: Given, server: Here, request: Request) -> dict[str, Any]:
    """What the config would run and what that costs, as `esegeta plan --json` prints it."""
    translated = await to_thread.run_sync(checked, config, server.translator)
    rows: dict[str, Any] = await server.bench.ask("plan", translated, gone=gone(request))
    return rows


@router.post("/predict", response_model=None)
async def predict(config: Given, server: Here, request: Request) -> Response | dict[str, Any]:
    """What the model predicts for the first image: a segmentation on the model's grid, or classes."""
    translated, problems = server.translator.command_line(config)
    concerned = {key: text for key, text in problems.items() if key.startswith(("model", "images"))}
    if concerned or not translated.get("images"):
        raise Refusal(422, "; ".join(concerned.values()) or "choose an image first", concerned)
    translated["images"] = translated["images"][:1]
    answer = await server.sight.ask("predict", translated, gone=gone(request))
    return packed(answer) if isinstance(answer, bytes) else dict(answer)


@router.post("/export")
def exported(config: Given, server: Here) -> Exported:
    """The config for the command line, the command, and the same in Python."""
    return export(checked_for_elsewhere(config, server.translator))


@router.post("/import")
def imported(config: Given, server: Here) -> Imported:
    """A config of the command line, as the page has them."""
    return load(config, server.catalogue, server.translator.places)
