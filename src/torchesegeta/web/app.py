"""The server as an application: the doors, the addresses, and the pages that were built."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from torchesegeta import __version__
from torchesegeta.web.doors import Doors
from torchesegeta.web.refusals import add_handlers
from torchesegeta.web.routes import ROUTERS
from torchesegeta.web.server import Server
from torchesegeta.web.settings import Settings

STATIC = Path(str(files("torchesegeta.web") / "static"))
UNBUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>TorchEsegeta</title>
<h1>The web interface is not built</h1><p>This is a checkout whose pages were not built yet. Stop the server and run
<code>make gui</code>, which builds and starts them. Installed packages come with them.</p></html>"""


class _Assets(StaticFiles):
    """Files whose names change with their contents."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        """A file that need not be asked for again."""
        answer = super().file_response(*arguments, **options)
        answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return answer


def create(settings: Settings) -> FastAPI:
    """The application.

    Args:
        settings: Of the server; its folder was made by `settings.prepare`.

    Raises:
        ConfigError: The catalogue is wrong.
        StoreError: The list of runs cannot be opened.
    """
    server = Server.of(settings)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        server.queue.start()
        try:
            yield
        finally:
            await server.close()

    app = FastAPI(title="TorchEsegeta", version=__version__, docs_url=None, redoc_url=None, lifespan=living)
    app.state.server = server
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/", _home, response_class=HTMLResponse, include_in_schema=False)
    app.mount("/static/assets", _Assets(directory=STATIC / "assets", check_dir=False))
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False))
    app.add_middleware(Doors, settings=settings)
    return app


def _home() -> Response:
    page = STATIC / "index.html"
    return FileResponse(page, headers={"Cache-Control": "no-cache"}) if page.is_file() else HTMLResponse(UNBUILT, 200)
