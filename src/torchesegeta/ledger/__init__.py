"""What a run folder says of itself: lock, manifest, `run.json`. Needs no torch, so whoever keeps it starts at once."""

from torchesegeta.ledger.files import replacing
from torchesegeta.ledger.ledger import LOG, SUMS, Ledger, check_folder, sha256_of
from torchesegeta.ledger.records import (
    FINAL,
    MANIFEST,
    RESULTS,
    RUN,
    SCORES,
    STATUSES,
    Record,
    key_of,
    read_manifest,
    read_run,
    task_of,
    write_json,
)
from torchesegeta.ledger.tables import METRICS, write_table

__all__ = [
    "FINAL",
    "LOG",
    "MANIFEST",
    "METRICS",
    "RESULTS",
    "RUN",
    "SCORES",
    "STATUSES",
    "SUMS",
    "Ledger",
    "Record",
    "check_folder",
    "key_of",
    "read_manifest",
    "read_run",
    "replacing",
    "sha256_of",
    "task_of",
    "write_table",
    "write_json",
]
