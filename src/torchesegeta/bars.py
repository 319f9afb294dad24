"""A progress bar for scripts and notebooks."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self


class Bar:
    """Shows how far the sweeps are; a context manager.

    Args:
        shown: Whether there is one; None: in notebooks only.
    """

    def __init__(self, shown: bool | None) -> None:
        self.shown = in_notebook() if shown is None else shown
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self.shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(unit=" points", leave=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def job(self, about: str) -> None:
        """A sweep begins."""
        if self._bar is not None:
            self._bar.reset()
            self._bar.set_description(about)

    def progress(self, done: int, total: int) -> None:
        """Points of it were done."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
