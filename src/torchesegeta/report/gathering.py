"""What shards have found, put together: the scores of all of them as one table, and the verdicts that they allow."""

from __future__ import annotations

from pathlib import Path

from torchesegeta.ledger import in_order, key_of, read_records, read_runs, shards_in
from torchesegeta.verdict import Thresholds, write_scores


def gather(folder: Path) -> None:
    """Write `metrics.csv` and the verdicts of all shards in a folder; a folder that is a run has its own.

    Raises:
        StoreError: The shards cannot be read, are of different runs, or nothing can be written.
    """
    if not shards_in(folder):
        return
    run = read_runs(folder)
    records = in_order(read_records(folder), run)
    scores = {key_of(record): record for record in records if record["record"] == "score"}
    write_scores(folder, list(scores.values()), records, Thresholds.of_run(run))
