"""Where what workers on other nodes make is kept: the run folder, as this machine sees it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from torchesegeta.errors import ConfigError, StoreError
from torchesegeta.execute.cluster.relay import News
from torchesegeta.execute.tickets import Blueprint
from torchesegeta.ledger import LOG, check_folder, replacing


class Results:
    """The run folder.

    Args:
        folder: Its path here.
        sent: Whether files are sent; else nodes write them into the folder, which has the same path there.
    """

    def __init__(self, folder: Path, sent: bool) -> None:
        self.folder, self.sent = folder, sent
        self._first: tuple[str, Blueprint] | None = None

    def add(self, news: News) -> None:
        """Take in what came from a node. A log that cannot be written costs no map.

        Raises:
            StoreError: A file cannot be written.
        """
        for name, content in news.files.items():
            with replacing(self.folder / name) as stream:
                stream.write(content)
        if news.log:
            with suppress(OSError), (self.folder / LOG).open("ab") as stream:
                stream.write(news.log)

    def received(self, blueprint: Blueprint, host: str) -> Blueprint:
        """A plan that was made on a node, as if it had been made here.

        Raises:
            ConfigError: The folder holds another run, or the node would make other maps than the first did.
            StoreError: The folder holds a damaged run.
        """
        self._check_same(blueprint, host)
        if not self.sent:
            return blueprint
        check_folder(self.folder, blueprint.identity)
        config = {**blueprint.about["config"], "output": str(self.folder)}
        return replace(blueprint, folder=self.folder, about={**blueprint.about, "config": config})

    def _check_same(self, blueprint: Blueprint, host: str) -> None:
        """Refuse a node that has other files under the config's paths, or other versions."""
        self._first = self._first or (host, blueprint)
        other, before = self._first
        mine, theirs = ({**plan.identity["files"], **plan.about["versions"]} for plan in (blueprint, before))
        different = [name for name, value in mine.items() if theirs.get(name) != value]
        if different:
            raise ConfigError(f"{host} has another {', another '.join(different)} than {other}")

    def check_shared(self, sees: Callable[[str], bool], host: str) -> None:
        """Refuse a node that would write its files where nobody finds them.

        Args:
            sees: Whether the node sees a file.
            host: Its name.

        Raises:
            ConfigError: It does not see this machine's folder.
            StoreError: The folder cannot be written.
        """
        if self.sent:
            return
        token = self.folder / f".part-{uuid.uuid4().hex[:12]}-shared"
        made = not self.folder.exists()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            token.touch()
        except OSError as error:
            raise StoreError(f"output: {str(self.folder)!r} cannot be written: {error.strerror}") from error
        try:
            seen = sees(str(token))
        finally:
            token.unlink(missing_ok=True)
        if not seen:
            if made:
                with suppress(OSError):
                    self.folder.rmdir()
            raise ConfigError(
                f"output: {host} does not see {str(self.folder)!r} of this machine; "
                'use a folder that all nodes share, or "results": "objects" in \'execution.executor\''
            )
