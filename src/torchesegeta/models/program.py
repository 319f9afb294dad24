"""Loads whole models from files: programs of `torch.export` and TorchScript."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from torchesegeta.errors import ModelError, unknown
from torchesegeta.models.formats import as_module

EXPORTED = (".pt2",)
SCRIPTED = (".pt", ".pth", ".ts", ".torchscript")


def load_program(path: Path) -> nn.Module:
    """Loads a model whose file holds its operations, so that it needs no factory.

    What PyTorch's own loaders read is read, pickles and compiled code are not. Those loaders are no sandbox: a program
    must be as trusted as any other.

    Args:
        path: `.pt2` of `torch.export.save`, or TorchScript of `torch.jit.save` (`.pt`, `.pth`, `.ts`, `.torchscript`).

    Returns:
        The program; one of `torch.export` with its layers, where they can be told.

    Raises:
        ModelError: The file cannot be read, holds no program, or holds more than operations and weights.
    """
    if not path.is_file():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(unknown("program", path.name, near, where=f"in {str(path.parent)!r}"))
    if path.suffix in EXPORTED:
        return _load_exported(path)
    if path.suffix in SCRIPTED:
        return _load_script(path)
    allowed = ", ".join((*EXPORTED, *SCRIPTED))
    raise ModelError(f"program {str(path)!r} has the ending {path.suffix!r}; allowed: {allowed}")


def _load_exported(path: Path) -> nn.Module:
    _check_archive(path)
    noise = logging.getLogger("torch.export")
    level = noise.level
    noise.setLevel(logging.CRITICAL)  # tracebacks of what is raised below in words
    try:
        with patch.dict(os.environ, TORCH_FORCE_WEIGHTS_ONLY_LOAD="1"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return as_module(torch.export.load(path))
    except Exception as error:  # of whatever kind the loader raises
        raise ModelError(
            f"program {str(path)!r} cannot be loaded by this PyTorch ({torch.__version__}), or holds pickled objects, "
            f"which could run any code and are refused: {type(error).__name__}: {error}"
        ) from error
    finally:
        noise.setLevel(level)


def _check_archive(path: Path) -> None:
    """Refuse a `.pt2` archive with contents that would be run, not read."""
    from torch.export.pt2_archive import constants  # late: it takes most of a second
    from torch.export.pt2_archive._package import PT2ArchiveReader

    unsafe = {
        f"{constants.CONSTANTS_DIR}{constants.OPAQUE_OBJ_FILENAME_PREFIX}": "pickled objects",
        f"{constants.CONSTANTS_DIR}{constants.CUSTOM_OBJ_FILENAME_PREFIX}": "custom objects",
        constants.AOTINDUCTOR_DIR: "compiled code",
    }
    try:
        names = PT2ArchiveReader(str(path)).get_file_names()
    except Exception as error:
        raise ModelError(f"program {str(path)!r} is damaged or not a file of torch.export.save") from error
    for start, what in unsafe.items():
        if any(name.startswith(start) for name in names):
            raise ModelError(
                f"program {str(path)!r} holds {what}, which could run any code when loaded, so it is refused; export "
                "the model anew without them"
            )


def _load_script(path: Path) -> nn.Module:
    try:
        script: nn.Module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"program {str(path)!r} is damaged or not TorchScript: a state dict goes into 'checkpoint', beside the "
            "'factory' that builds its model; a pickled model could run any code and is refused"
        ) from error
    return script
