"""`verdicts.json` and `verdicts.csv`: the verdicts of a run, in its folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torchesegeta.errors import StoreError
from torchesegeta.ledger import METRICS, Record, key_of, write_csv, write_json, write_table
from torchesegeta.verdict.figures import is_complete
from torchesegeta.verdict.judging import Verdict, as_json, judge
from torchesegeta.verdict.questions import QUESTIONS, Thresholds

VERDICTS = "verdicts.json"
TABLE = "verdicts.csv"
COLUMNS = ("label", "method", "layer", "question", "answer", "value", "low", "high", "images", "rank", "sure", "rule")


def write_scores(folder: Path, scores: Sequence[Record], records: Iterable[Record], thresholds: Thresholds) -> None:
    """Write `metrics.csv` and the verdicts that the scores allow; nothing without scores.

    Args:
        folder: The run folder, or that of shards.
        scores: The lines of scores.
        records: All lines of the manifest, which hold the gaps that methods report with their maps.
        thresholds: From where on an answer is yes, weak or no.

    Raises:
        StoreError: They cannot be written.
    """
    if not scores:
        return
    write_table(folder / METRICS, scores)
    maps = {key_of(record): record for record in records if is_complete(record)}
    verdicts = judge(scores, maps.values(), thresholds)
    if verdicts:
        write_verdicts(folder, verdicts, thresholds)


def write_verdicts(folder: Path, verdicts: Sequence[Verdict], thresholds: Thresholds) -> None:
    """Write both: of the table a row for every method and question.

    Raises:
        StoreError: They cannot be written.
    """
    write_json(folder / VERDICTS, as_json(verdicts, thresholds))
    rows = (row for verdict in verdicts for row in _rows(verdict, thresholds))
    write_csv(folder / TABLE, COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def _rows(verdict: Verdict, thresholds: Thresholds) -> Iterator[dict[str, Any]]:
    for name, answer in verdict.answers.items():
        about = {"label": verdict.label, "method": verdict.method, "layer": verdict.layer, "question": name}
        yield {**about, "answer": answer.word, **vars(answer), "rule": QUESTIONS[name].rule(thresholds)}


def read_verdicts(folder: Path) -> dict[str, Any] | None:
    """The content of `verdicts.json`; None where there is none.

    Raises:
        StoreError: It cannot be read.
    """
    path = folder / VERDICTS
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict) or "verdicts" not in content:
        raise StoreError(f"{path} holds no verdicts")
    return content


def in_short(answer: Mapping[str, Any]) -> str:
    """An answer as "yes 0.21 [0.15, 0.30]"; with "?" where its interval gives other words too."""
    if answer["value"] is None:
        return str(answer["word"])
    unsure = "?" if answer["sure"] is False else ""
    ends = "" if answer["low"] is None else f" [{answer['low']:.2g}, {answer['high']:.2g}]"
    return f"{answer['word']}{unsure} {answer['value']:.2g}{ends}"
