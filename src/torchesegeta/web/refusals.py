"""What the server refuses, in one form: a sentence, and the fields it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from torchesegeta.errors import ConfigError, EsegetaError, StoreError
from torchesegeta.web.fields import by_field

WORDS = {
    404: "there is nothing at this address",
    405: "this address is not asked in this way",
    500: "the server made a mistake; its terminal says more",
}


class Refusal(Exception):
    """A request that is refused.

    Attributes:
        status: The HTTP status, 4xx.
        text: Why, as a sentence.
        fields: What is wrong, by the path of a config's field.
    """

    def __init__(self, status: int, text: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.fields = status, text, dict(fields or {})


def answer(status: int, text: str, fields: Mapping[str, str] | None = None) -> JSONResponse:
    """A refusal as JSON."""
    content: dict[str, Any] = {"error": text}
    if fields:
        content["fields"] = dict(fields)
    return JSONResponse(content, status)


def add_handlers(app: FastAPI) -> None:
    """Give every refusal the same form."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> JSONResponse:
        return answer(error.status, error.text, error.fields)

    @app.exception_handler(EsegetaError)
    async def wrong(request: Request, error: EsegetaError) -> JSONResponse:
        fields = by_field(str(error)) if isinstance(error, ConfigError) else {}
        return answer(404 if isinstance(error, StoreError) else 422, str(error), fields)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        return answer(422, "the request is malformed: " + "; ".join(problems))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        said = answer(error.status_code, WORDS.get(error.status_code, str(error.detail)))
        said.headers.update(error.headers or {})
        return said

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        return answer(500, WORDS[500])
