"""Starts the server and prints the link that lets a browser in."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import uvicorn

from torchesegeta.web.app import create
from torchesegeta.web.settings import Settings, check, listen, prepare

FAREWELL = 3
"""Seconds that open pages have at the end."""


def serve(
    runs: Path,
    *,
    images: Sequence[Path] = (),
    models: Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    remote: bool = False,
    browser: bool = True,
) -> None:
    """Serve until interrupted.

    Args:
        runs: The folder of runs; made where there is none.
        images: Folders of images that may be seen.
        models: The catalogue of models.
        host: The address to listen at.
        port: The port; None: the usual one, or any that is free.
        remote: Whether other machines may reach it.
        browser: Whether a browser is opened.

    Raises:
        ConfigError: A folder, the address or the catalogue is wrong.
        StoreError: The folder of runs cannot be used.
    """
    settings = Settings(runs, tuple(images), models, host)
    check(settings, remote=remote)
    with prepare(settings), listen(host, port) as socket:
        settings = replace(settings, port=socket.getsockname()[1])
        app = create(settings)
        elsewhere = settings.link_from_elsewhere
        print(f"Open {settings.link}", *([f"from other machines {elsewhere}"] if elsewhere else []), sep="\n")
        print("Ctrl+C ends the server; a run that is under way goes on with the next.", flush=True)
        if browser:
            webbrowser.open(settings.link)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=FAREWELL
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[socket])
