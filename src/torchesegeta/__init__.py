"""TorchEsegeta explains trained PyTorch image models, 2D and 3D, classification and segmentation.

Everything is imported when it is first used: `import torchesegeta` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchesegeta.api import evaluate, explain, verdicts
    from torchesegeta.attributions import Attributions, load
    from torchesegeta.methods import methods
    from torchesegeta.metrics import metrics
    from torchesegeta.metrics.agreement import agreement
    from torchesegeta.metrics.region_table import region_tables
    from torchesegeta.store import load_scores
    from torchesegeta.types import Attribution, Image, Score

__version__ = "0.1.0"
__all__ = [
    "Attribution", "Attributions", "Image", "Score", "__version__", "agreement", "evaluate", "explain", "load",
    "load_scores", "methods", "metrics", "region_tables", "verdicts",
]  # fmt: skip

_HOMES = {
    "evaluate": "torchesegeta.api",
    "explain": "torchesegeta.api",
    "Attributions": "torchesegeta.attributions",
    "load": "torchesegeta.attributions",
    "agreement": "torchesegeta.metrics.agreement",
    "load_scores": "torchesegeta.store",
    "region_tables": "torchesegeta.metrics.region_table",
    "methods": "torchesegeta.methods",
    "metrics": "torchesegeta.metrics",
    "Attribution": "torchesegeta.types",
    "Image": "torchesegeta.types",
    "Score": "torchesegeta.types",
    "verdicts": "torchesegeta.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'torchesegeta' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return home if name in ("methods", "metrics") else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
