"""TorchEsegeta explains trained PyTorch image models, 2D and 3D, classification and segmentation.

Everything is imported when it is first used: `import torchesegeta` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchesegeta.api import explain
    from torchesegeta.attributions import Attributions, load
    from torchesegeta.methods import methods
    from torchesegeta.types import Attribution, Image

__version__ = "0.1.0"
__all__ = ["Attribution", "Attributions", "Image", "__version__", "explain", "load", "methods"]

_HOMES = {
    "explain": "torchesegeta.api",
    "Attributions": "torchesegeta.attributions",
    "load": "torchesegeta.attributions",
    "methods": "torchesegeta.methods",
    "Attribution": "torchesegeta.types",
    "Image": "torchesegeta.types",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'torchesegeta' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return home if name == "methods" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
