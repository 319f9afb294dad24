"""Methods: one small file each, found by scanning this folder.

`torchesegeta.methods()` lists them: the package is callable, since the name of the call is also its own.
"""

import sys
from types import ModuleType

from torchesegeta.methods.base import Context, LayerMethod, Method
from torchesegeta.methods.registry import methods, register

__all__ = ["Context", "LayerMethod", "Method", "methods", "register"]


class _Catalogue(ModuleType):
    def __call__(self) -> dict[str, type[Method]]:
        return methods()


sys.modules[__name__].__class__ = _Catalogue
