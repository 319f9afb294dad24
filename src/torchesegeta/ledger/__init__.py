"""What a run folder says of itself: lock, manifest, `run.json`. Needs no torch, so whoever keeps it starts at once."""

from torchesegeta.ledger.files import replacing
from torchesegeta.ledger.ledger import LOG, SUMS, Ledger, check_folder, sha256_of
from torchesegeta.ledger.records import (
    FINAL,
    MANIFEST,
    RUN,
    STATUSES,
    Record,
    key_of,
    read_manifest,
    read_run,
    write_json,
)

__all__ = [
    "FINAL",
    "LOG",
    "MANIFEST",
    "RUN",
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
    "write_json",
]
