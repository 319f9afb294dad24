"""What a run folder says of itself: lock, manifest, `run.json`. Needs no torch, so whoever keeps it starts at once."""

from torchesegeta.ledger.files import as_csv, replacing, within, write_csv
from torchesegeta.ledger.ledger import LOG, SUMS, Ledger, check_folder
from torchesegeta.ledger.records import (
    AGREEMENT,
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
from torchesegeta.ledger.shards import Shard, check_beside, in_order, missing_of, read_records, read_runs, shards_in
from torchesegeta.ledger.stamps import Stamp, is_changed, sha256_of, stamp_of
from torchesegeta.ledger.tables import METRICS, write_table

__all__ = [
    "AGREEMENT",
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
    "Shard",
    "Stamp",
    "as_csv",
    "check_beside",
    "check_folder",
    "in_order",
    "is_changed",
    "key_of",
    "missing_of",
    "read_manifest",
    "read_records",
    "read_run",
    "read_runs",
    "replacing",
    "sha256_of",
    "shards_in",
    "stamp_of",
    "task_of",
    "within",
    "write_csv",
    "write_table",
    "write_json",
]
