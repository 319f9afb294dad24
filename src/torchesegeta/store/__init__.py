"""Maps in a run folder: values, sidecars, and what the manifest says of them. A file under its final name is whole."""

from torchesegeta.store.maps import file_stem, read_maps, save_map, save_score, slug, write_sidecar, write_values
from torchesegeta.store.model_grid import keep_model_grid, read_on_model_grid
from torchesegeta.store.records import describe, describe_score
from torchesegeta.store.saved import save_maps
from torchesegeta.store.scores import load_scores, score_of

__all__ = [
    "describe",
    "describe_score",
    "file_stem",
    "keep_model_grid",
    "load_scores",
    "read_maps",
    "read_on_model_grid",
    "save_map",
    "save_maps",
    "save_score",
    "score_of",
    "slug",
    "write_sidecar",
    "write_values",
]
