"""Loads weights into a model without running anything that the file may hold."""

from __future__ import annotations

import pickle
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from torchesegeta.errors import ModelError, unknown

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")
SHOWN = 5

_REMEDY = (
    "if you trust it, load it once with weights_only=False and save the weights alone: "
    "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
)

# Where trainers keep the weights, most telling first; other mappings of tensors are tried after these.
_PLACES = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "network_weights", "weights")


def load_checkpoint(model: nn.Module, path: Path) -> list[str]:
    """Copies the weights of a file into a model.

    The state dict is found wherever the file keeps it, and a common prefix of its keys (`module.`, `model.`,
    `_orig_mod.`, any other) is taken off when the keys fit the model without it.

    Args:
        model: Changed in place, all of it or, on an error, nothing.
        path: `.safetensors`, or `.pt`, `.pth`, `.ckpt`, `.bin` as written by `torch.save`.

    Returns:
        Warnings, such as keys that were left out.

    Raises:
        ModelError: The file cannot be read, could run code, holds no weights, or its weights do not fit the model.
    """
    wanted = {key: value for key, value in model.state_dict().items() if isinstance(value, Tensor)}
    fits = [_compare(state, wanted) for state in _state_dicts(_read(path))]
    if not fits:
        raise ModelError(f"checkpoint {str(path)!r} holds no state dict (a mapping of names to tensors)")
    best = next((fit for fit in fits if fit.complete), max(fits, key=lambda fit: len(fit.state)))
    if not best.complete:
        raise ModelError(f"checkpoint {str(path)!r} does not fit the model: {best}")
    model.load_state_dict(best.state, strict=False)
    if not best.outside:
        return []
    return [f"checkpoint: only keys under {best.prefix!r} were used; left out: {_shorten(best.outside)}"]


@dataclass(frozen=True)
class _Fit:
    """How a state dict compares with a model's.

    Attributes:
        prefix: What was taken off its keys.
        state: The tensors that fit, by the model's keys.
        missing: Keys of the model that it lacks.
        unexpected: Its keys, without the prefix, that the model lacks.
        misshapen: Keys with both shapes, where they differ.
        outside: Its keys without the prefix in front.
    """

    prefix: str
    state: dict[str, Tensor]
    missing: list[str]
    unexpected: list[str]
    misshapen: list[str]
    outside: list[str]

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        lists = {"missing": self.missing, "unexpected": self.unexpected, "of another shape": self.misshapen}
        return "; ".join(f"{len(keys)} {what} ({_shorten(keys)})" for what, keys in lists.items() if keys)


def _compare(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> _Fit:
    prefix = _common_prefix(state, wanted)
    inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    shared = {key: value for key, value in inside.items() if key in wanted}
    return _Fit(
        prefix=prefix,
        state={key: value for key, value in shared.items() if value.shape == wanted[key].shape},
        # The count of batches steers training only, and older files do not have it.
        missing=[key for key in wanted if key not in inside and not key.endswith("num_batches_tracked")],
        unexpected=[key for key in inside if key not in wanted],
        misshapen=[
            f"{key}: file {tuple(value.shape)}, model {tuple(wanted[key].shape)}"
            for key, value in shared.items()
            if value.shape != wanted[key].shape
        ],
        outside=[key for key in state if not key.startswith(prefix)],
    )


def _common_prefix(keys: Iterable[str], wanted: Mapping[str, Tensor]) -> str:
    """The prefix, up to a dot, with which most of the wanted keys are found; the shortest among equals."""
    found = Counter({"": 0})
    for key in keys:
        parts = key.split(".")
        for cut in range(len(parts)):
            if ".".join(parts[cut:]) in wanted:
                found["".join(f"{part}." for part in parts[:cut])] += 1
    return min(found, key=lambda prefix: (-found[prefix], len(prefix)))


def _state_dicts(content: Any) -> Iterator[dict[str, Tensor]]:
    """Mappings of names to tensors at the top of a file or one or two levels down, the likeliest first."""
    level = [content]
    for _ in range(3):
        mappings = [value for value in level if isinstance(value, Mapping)]
        for mapping in mappings:
            tensors = {str(name): value for name, value in mapping.items() if isinstance(value, Tensor)}
            if tensors:
                yield tensors
        level = [mapping[key] for mapping in mappings for key in sorted(mapping, key=_rank)]


def _rank(key: object) -> int:
    return _PLACES.index(key) if key in _PLACES else len(_PLACES)


def _read(path: Path) -> Any:
    if not path.is_file():
        near = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ModelError(unknown("checkpoint", path.name, near, where=f"in {str(path.parent)!r}"))
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in TORCH_SUFFIXES:
        return _read_torch(path)
    allowed = ", ".join((".safetensors", *TORCH_SUFFIXES))
    raise ModelError(f"checkpoint {str(path)!r} has the ending {path.suffix!r}; allowed: {allowed}")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"checkpoint {str(path)!r} is not a complete safetensors file: {error}") from error


def _read_torch(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles of another protocol, which are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        objects = _foreign_objects(path)
        if not objects:
            raise ModelError(f"checkpoint {str(path)!r} is damaged or not a file of torch.save") from error
        raise ModelError(
            f"checkpoint {str(path)!r} holds more than weights ({_shorten(objects)}) and could run any code "
            f"when loaded, so it is refused; {_REMEDY}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError, TypeError) as error:
        if "TorchScript" in str(error):
            raise ModelError(f"checkpoint {str(path)!r} is a TorchScript program, not a state dict") from error
        raise ModelError(f"checkpoint {str(path)!r} is damaged or not a file of torch.save") from error


def _foreign_objects(path: Path) -> list[str]:
    """Names of the Python objects a file would create, torch's own last; found without creating them."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        return sorted(names, key=lambda name: (name.startswith("torch."), name))
    except Exception:  # whatever is wrong with a file of unknown making
        return []


def _shorten(names: Iterable[str]) -> str:
    names = list(names)
    rest = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
