"""What a server is started with."""

from __future__ import annotations

import fcntl
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from torchesegeta.errors import ConfigError, StoreError

STATE = ".esegeta"
"""The server's own folder, inside that of the runs."""
PORT = 8765
"""Tried first where none is given."""
WILDCARDS = ("0.0.0.0", "::")
"""Hosts that stand for every address of the machine."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """A server's settings.

    Attributes:
        runs: The folder of runs, which the server writes.
        images: Folders of images that it shows.
        models: The catalogue of models; None: the demo network.
        host: The address it listens at.
        port: The port it listens at.
        token: Lets a browser in.
        most_upload: Bytes an upload may have.
        most_values: Bytes that the values of an image may take.
    """

    runs: Path
    images: tuple[Path, ...] = ()
    models: Path | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    most_upload: int = 4 * 10**9
    most_values: int = 4 * 2**30

    @property
    def state(self) -> Path:
        """The folder of the queue, of uploads and of configs."""
        return self.runs / STATE

    @property
    def uploads(self) -> Path:
        """The folder of uploads."""
        return self.state / "uploads"

    @property
    def address(self) -> str:
        """The address to open, without the token."""
        host = "127.0.0.1" if self.host in WILDCARDS else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def link(self) -> str:
        """The link that lets a browser in."""
        return f"{self.address}?token={self.token}"

    @property
    def link_from_elsewhere(self) -> str | None:
        """The link for other machines, where they may reach this one at every address."""
        if self.host not in WILDCARDS:
            return None
        return f"http://{socket.gethostname()}:{self.port}/?token={self.token}"


def check(settings: Settings, *, remote: bool) -> None:
    """Refuse settings that would not work, or that would let others in.

    Args:
        settings: The settings.
        remote: Whether other machines may reach the server.

    Raises:
        ConfigError: A folder does not exist, or the host is not this machine alone and `remote` is not set.
    """
    if settings.host not in LOOPBACK and not _is_loopback(settings.host) and not remote:
        raise ConfigError(
            f"--host: {settings.host!r} is open to other machines, whose users then need only the link; "
            "add --allow-remote if you want that"
        )
    for folder in settings.images:
        if not folder.is_dir():
            raise ConfigError(f"--images: {str(folder)!r} is no folder")
    if settings.models is not None and not settings.models.is_file():
        raise ConfigError(f"--models: {str(settings.models)!r} is no file")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def prepare(settings: Settings) -> IO[str]:
    """Make the server's folder, for this server alone.

    Returns:
        What holds the folder; to be closed at the end.

    Raises:
        StoreError: It cannot be written, or another server uses it.
    """
    try:
        for folder in ("uploads", "configs", "logs"):
            (settings.state / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (settings.state / "lock").open("w")
    except OSError as error:
        raise StoreError(f"--runs: {str(settings.runs)!r} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise StoreError(f"--runs: another server uses {str(settings.runs)!r}; open its link, or stop it") from error
    return lock


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: The address.
        port: The port; None: the usual one, or any that is free.

    Raises:
        ConfigError: The address is not this machine's, or the port is taken.
    """
    problem: OSError | None = None
    for number in (PORT, 0) if port is None else (port,):
        try:
            return socket.create_server((host, number), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            problem = error
    assert problem is not None
    raise ConfigError(f"--host, --port: cannot listen at {host}, port {port}: {problem.strerror}") from problem
