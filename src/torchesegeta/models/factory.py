"""Builds a model from the name of its factory, as a config gives it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from torchesegeta.errors import ConfigError, ModelError, unknown


def build(factory: str, arguments: Mapping[str, Any], *, seed: int, folder: Path) -> nn.Module:
    """Calls a factory: a class of models, or a function that returns one.

    Its code is run, so a factory must be as trusted as any other program.

    Args:
        factory: "package.module:Name" of something installed, or "file.py:Name".
        arguments: Keyword arguments of the factory.
        seed: Seeds torch's generators while the factory runs; afterwards they are as they were before.
        folder: A relative "file.py" is relative to it.

    Returns:
        What the factory returned, untouched.

    Raises:
        ConfigError: There is no such module or name in it, or it does not take these arguments.
        ModelError: The module cannot be imported, the factory raises, or it returns no `torch.nn.Module`.
    """
    place, separator, name = factory.rpartition(":")
    if not separator or not place or not name:
        raise ConfigError(f"factory {factory!r} must be 'package.module:Name' or 'file.py:Name'")
    module = _load_file(folder / place) if place.endswith(".py") else _import(place)
    make = _find(module, name, place)
    _check_arguments(make, name, arguments)
    try:
        with _seeded(seed):
            model = make(**arguments)
    except Exception as error:
        raise ModelError(f"factory {factory!r} failed with {_said(error)}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"factory {factory!r} returned a {type(model).__name__}; it must return a torch.nn.Module")
    return model


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(unknown("module", name, _siblings(error.name))) from error
        raise ModelError(f"module {name!r} needs {error.name!r}, which is not installed") from error
    except Exception as error:
        raise ModelError(f"module {name!r} cannot be imported: {_said(error)}") from error


def _siblings(name: str) -> list[str]:
    """The modules there are where `name` was looked for; its parent packages exist."""
    parent, _, _ = name.rpartition(".")
    if not parent:
        return [found.name for found in pkgutil.iter_modules()]
    path = getattr(importlib.import_module(parent), "__path__", [])
    return [f"{parent}.{found.name}" for found in pkgutil.iter_modules(path)]


def _load_file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        near = [found.name for found in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise ConfigError(unknown("file", path.name, near, where=f"in {path.parent}"))
    # Two files of the same name in different folders are two modules; a file that changed is loaded anew.
    digest = hashlib.sha256(str(path).encode() + path.read_bytes()).hexdigest()[:12]
    name = f"{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        with _importable(path.parent):
            specification.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ModelError(f"file {str(path)!r} cannot be loaded: {_said(error)}") from error
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Lets a file import its neighbours."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _find(module: ModuleType, name: str, place: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if found is None:
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ConfigError(unknown("factory", name, names, where=f"in {place}"))
    if not callable(found):
        raise ConfigError(f"factory {name!r} in {place} is a {type(found).__name__}, not a class or function")
    return found  # type: ignore[no-any-return]


def _check_arguments(make: Callable[..., Any], name: str, arguments: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(make)
    except ValueError:  # some builtins have none; then the call itself tells
        return
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    call = f"{name}{inspect.Signature(plain)}"
    taken = [p.name for p in plain if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not any(p.kind is p.VAR_KEYWORD for p in plain):
        for argument in arguments:
            if argument not in taken:
                raise ConfigError(unknown("argument", argument, taken, where=f"in {call}"))
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise ConfigError(f"arguments do not fit {call}: {error}") from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seeds torch without waking a GPU that is not in use."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = list(range(torch.cuda.device_count())) if in_use else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        yield
