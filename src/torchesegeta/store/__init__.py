"""The run folder: maps, sidecars, manifest. A file under its final name is whole; a run that was cut off resumes."""

from torchesegeta.store.maps import file_stem, read_maps, slug, write_values
from torchesegeta.store.records import (
    FINAL,
    MANIFEST,
    RUN,
    STATUSES,
    Record,
    describe,
    read_manifest,
    read_run,
    write_json,
)
from torchesegeta.store.saved import save_maps
from torchesegeta.store.store import LOG, Store, check_folder

__all__ = [
    "FINAL",
    "LOG",
    "MANIFEST",
    "RUN",
    "STATUSES",
    "Record",
    "Store",
    "check_folder",
    "describe",
    "file_stem",
    "read_manifest",
    "read_maps",
    "read_run",
    "save_maps",
    "slug",
    "write_json",
    "write_values",
]
