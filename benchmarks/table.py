"""The table: a row is printed when it is there, and kept among the others as JSON and Markdown."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import torch

from benchmarks.timing import Ratio

HEADINGS = ("what", "beside", "figure", "quartiles", "aim", "reached")


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


@dataclass(frozen=True)
class Kept:
    """A row with where it came from.

    Attributes:
        section: Its section.
        row: The figure.
        date: When it was measured.
        machine: Where.
    """

    section: str
    row: Row
    date: str
    machine: str


def slower_row(what: str, peer: str, ratio: Ratio, at_most: float | None = 1.1) -> Row:
    """Our time as a share of another's."""
    aim = "" if at_most is None else f"≤ {at_most:.2f}"
    reached = None if at_most is None else ratio.median <= at_most
    return Row(what, peer, f"{ratio.median:.2f} of its time", f"{ratio.low:.2f}–{ratio.high:.2f}", aim, reached)


def faster_row(what: str, peer: str, ratio: Ratio, at_least: float) -> Row:
    """How many times faster we are."""
    times = 1 / ratio.median
    spread = f"{1 / ratio.high:.1f}–{1 / ratio.low:.1f}"
    return Row(what, peer, f"{times:.1f} × faster", spread, f"≥ {at_least:g} ×", times >= at_least)


def machine() -> str:
    """What it is measured on."""
    threads = f"{platform.machine()}, {torch.get_num_threads()} threads"
    return f"{threads}, torch {torch.__version__}, Python {platform.python_version()}"


class Table:
    """All rows measured so far, over many runs.

    Args:
        folder: Holds `table.json` and `table.md`.
        order: The sections, as they are listed.
    """

    def __init__(self, folder: Path, order: Sequence[str]) -> None:
        self.folder, self.order = folder, list(order)
        self.file = folder / "table.json"
        self.rows = [_read(entry) for entry in json.loads(self.file.read_text())] if self.file.exists() else []

    def add(self, section: str, row: Row) -> None:
        """Keep a row in place of an earlier one on the same."""
        same = (section, row.what, row.peer)
        self.rows = [k for k in self.rows if (k.section, k.row.what, k.row.peer) != same]
        self.rows.append(Kept(section, row, date.today().isoformat(), machine()))
        self._write()

    def close(self, section: str, rows: Iterable[Row]) -> None:
        """Once a section is complete: drop what it no longer measures."""
        measured = {(row.what, row.peer) for row in rows}
        self.rows = [k for k in self.rows if k.section != section or (k.row.what, k.row.peer) in measured]
        self._write()

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows.sort(key=lambda kept: self.order.index(kept.section) if kept.section in self.order else -1)
        self.file.write_text(json.dumps([asdict(kept) for kept in self.rows], indent=2, ensure_ascii=False) + "\n")
        (self.folder / "table.md").write_text(markdown(self.rows))


def _read(entry: dict[str, object]) -> Kept:
    return Kept(**{**entry, "row": Row(**entry["row"])})  # type: ignore[arg-type]


def line(row: Row) -> str:
    """A row of the Markdown table."""
    reached = {True: "yes", False: "**no**", None: ""}[row.reached]
    return f"| {row.what} | {row.peer} | {row.figure} | {row.spread} | {row.aim} | {reached} |"


def head() -> str:
    """The head of the Markdown table."""
    return f"| {' | '.join(HEADINGS)} |\n|{' --- |' * len(HEADINGS)}"


def markdown(rows: Sequence[Kept]) -> str:
    """A table for every section and place of measurement."""
    parts: dict[tuple[str, str, str], list[str]] = {}
    for kept in rows:
        parts.setdefault((kept.section, kept.date, kept.machine), []).append(line(kept.row))
    return "\n".join(
        f"## {section}\n\nMeasured on {day}, {place}.\n\n{head()}\n" + "\n".join(lines) + "\n"
        for (section, day, place), lines in parts.items()
    )
