"""The run folder: maps, sidecars, manifest. A file under its final name is whole; a run that was cut off resumes."""

from torchesegeta.store.maps import file_stem, read_maps, slug, write_values
from torchesegeta.store.records import MANIFEST, RUN, describe, read_manifest, read_run
from torchesegeta.store.store import Store, check_folder

__all__ = [
    "MANIFEST",
    "RUN",
    "Store",
    "check_folder",
    "describe",
    "file_stem",
    "read_manifest",
    "read_maps",
    "read_run",
    "slug",
    "write_values",
]
