"""What was found of planted truths, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from torchesegeta import ledger
from torchesegeta.planted.finding import Finding

PLANTED = "planted.csv"
COLUMNS = [*(field.name for field in fields(Finding)), "word"]
SIGNS = {"found": "✓", "partly": "(✓)", "missed": "✗"}


def write_csv(path: Path, found: Sequence[Finding]) -> None:
    """Write a row for every method and case.

    Raises:
        StoreError: The file cannot be written.
    """
    ledger.write_csv(path, COLUMNS, _rows(found))


def as_csv(found: Sequence[Finding]) -> str:
    """A row for every method and case, four digits to a number."""
    return ledger.as_csv(COLUMNS, _rows(found))


def _rows(found: Sequence[Finding]) -> Iterator[list[object]]:
    for one in found:
        yield [_digits(value) for value in (*asdict(one).values(), one.word)]


def _digits(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else value


def as_text(found: Sequence[Finding]) -> Iterator[list[str]]:
    """A row for every method, a cell for every case: the word as a sign, then AUC, mass and correlation."""
    by_place = {(one.method, one.case, one.dims): one for one in found}
    for method in dict.fromkeys(one.method for one in found):
        yield [method, *(_cell(by_place.get((method, *place))) for place in _places(found))]


def as_markdown(found: Sequence[Finding]) -> str:
    """The same as a table in markdown."""
    head = ["method", *(f"{case.replace('_', ' ')} {dims}D" for case, dims in _places(found))]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " :-- |" * (len(head) - 1)]
    lines += [f"| `{method}` | {' | '.join(cells)} |" for method, *cells in as_text(found)]
    return "\n".join(lines) + "\n"


def _places(found: Sequence[Finding]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((one.case, one.dims) for one in found))


def _cell(one: Finding | None) -> str:
    if one is None:
        return ""
    if one.word is None:
        return one.status
    if one.empty:
        return f"{SIGNS[one.word]} empty"
    numbers = [f"{value:.2f}" for value in (one.auc, one.mass) if value is not None]
    numbers += [] if one.correlation is None else [f"r {one.correlation:.2f}".replace("-", "−")]
    return f"{SIGNS[one.word]} {' · '.join(numbers)}"
