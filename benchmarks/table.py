"""The table: printed, and kept as JSON and Markdown."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured.
        peer: Beside what.
        figure: The median.
        spread: First and third quartile.
        aim: What it should be; empty where there is no aim.
        reached: Whether it is; None where there is no aim.
    """

    what: str
    peer: str
    figure: str
    spread: str
    aim: str
    reached: bool | None


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown."""
    lines = ["| what | beside | figure | quartiles | aim | reached |", "| --- | --- | --- | --- | --- | --- |"]
    words = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {r.what} | {r.peer} | {r.figure} | {r.spread} | {r.aim} | {words[r.reached]} |" for r in rows]
    return "\n".join(lines)


def machine() -> str:
    """What it was measured on."""
    threads = f"{platform.machine()}, {torch.get_num_threads()} threads"
    return f"{threads}, torch {torch.__version__}, Python {platform.python_version()}"


def keep(rows: Sequence[Row], folder: Path) -> None:
    """Write `table.json` and `table.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.json").write_text(json.dumps({"machine": machine(), "rows": [asdict(r) for r in rows]}, indent=2))
    (folder / "table.md").write_text(f"Measured on {machine()}.\n\n{markdown(rows)}\n")
