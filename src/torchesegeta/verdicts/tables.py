"""`verdicts.json` and `verdicts.csv`: the verdicts of a run, in its folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from torchesegeta.ledger import replacing, write_json
from torchesegeta.verdicts.questions import QUESTIONS, Thresholds
from torchesegeta.verdicts.verdict import Verdict, as_json

VERDICTS = "verdicts.json"
TABLE = "verdicts.csv"
COLUMNS = ("label", "method", "layer", "question", "answer", "value", "low", "high", "images", "rank", "sure", "rule")


def write_verdicts(folder: Path, verdicts: Sequence[Verdict], thresholds: Thresholds) -> None:
    """Write both: of the table a row for every method and question.

    Raises:
        StoreError: They cannot be written.
    """
    write_json(folder / VERDICTS, as_json(verdicts, thresholds))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for verdict in verdicts:
        for name, answer in verdict.answers.items():
            about = {"label": verdict.label, "method": verdict.method, "layer": verdict.layer, "question": name}
            numbers = {key: value for key, value in vars(answer).items() if key != "word"}
            writer.writerow({**about, "answer": answer.word, **numbers, "rule": QUESTIONS[name].rule(thresholds)})
    with replacing(folder / TABLE) as stream:
        stream.write(text.getvalue().encode())
