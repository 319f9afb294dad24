"""The config: one JSON file says what a run explains, and how. It knows no method by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from torchesegeta.errors import ConfigError
from torchesegeta.targets import OutputInfo, TargetSpec
from torchesegeta.targets.base import Activation
from torchesegeta.targets.classes import ClassTarget
from torchesegeta.validation import Strict, describe


class ModelConfig(Strict):
    """Where the model comes from, and how its output is read."""

    factory: str = Field(
        description="What builds the model: 'package.module:Name', or 'file.py:Name' beside the config."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the factory.")
    checkpoint: Path | None = Field(None, description="Weights: .safetensors, .pt or .pth; without: random weights.")
    output: int | str | None = Field(None, description="Which of several outputs is explained, by index or key.")
    activation: Activation | None = Field(
        None, description="What turns the raw output into probabilities; without: softmax, or sigmoid of one channel."
    )
    class_names: tuple[str, ...] = Field((), description="One name per class.")

    @property
    def info(self) -> OutputInfo:
        """What is known of the output."""
        return OutputInfo(self.activation, self.class_names)


def _paths(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


class ImageConfig(Strict):
    """One image: a file, or several whose channels are put behind one another."""

    path: Annotated[tuple[Path, ...], BeforeValidator(_paths)] = Field(
        min_length=1, description="File, or one per channel."
    )
    label: Path | None = Field(None, description="The reference segmentation.")
    name: str | None = Field(None, description="Name in the run; without: the file's.")


class ExecutionConfig(Strict):
    """Where and how the jobs run."""

    devices: tuple[str, ...] = Field(("cpu",), min_length=1, max_length=1, description="The device, as torch names it.")
    chunk_size: int | None = Field(None, ge=1, description="Points of a sweep run at once; without: chosen.")


class RunConfig(Strict):
    """Everything a run needs."""

    model: ModelConfig
    images: tuple[ImageConfig, ...] = Field(min_length=1, description="The images to explain.")
    preprocess: tuple[dict[str, Any], ...] = Field((), description="MONAI transforms by name, with their arguments.")
    target: TargetSpec = Field(default_factory=ClassTarget, description="What is explained.")
    layers: tuple[str, ...] | None = Field(
        None, description="Layers of the layer methods; without: the deepest at the lowest resolution."
    )
    methods: tuple[str | dict[str, Any], ...] = Field(min_length=1, description="Names, or names with parameters.")
    precision: Literal["float32"] = Field("float32", description="Of the passes.")
    seed: int = Field(0, ge=0, description="Of every random draw.")
    channels: Literal["sum", "keep"] = Field(
        "sum", description="Whether files of layer maps keep the layer's channels."
    )
    convention: Literal["radiological", "neurological"] = Field("radiological", description="Of figures of slices.")
    execution: ExecutionConfig = Field(default_factory=ExecutionConfig)
    output: Path = Field(description="The run folder.")


IDENTITY_FIELDS = ("model", "images", "preprocess", "target", "layers", "methods", "precision", "seed", "channels")
"""Fields that make a run what it is: a folder is resumed only where they are equal."""


def load_config(path: Path) -> RunConfig:
    """Read a config; relative paths become relative to its folder.

    Raises:
        ConfigError: The file does not exist, is no JSON, or a field is wrong.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"config {str(path)!r} does not exist") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return parse_config(value, path.resolve().parent)


def parse_config(value: Any, folder: Path) -> RunConfig:
    """Check a config that was read elsewhere.

    Args:
        value: The JSON value.
        folder: Relative paths are relative to it.

    Raises:
        ConfigError: A field is wrong.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"a config is a JSON object; got a {type(value).__name__}")
    try:
        config = RunConfig.model_validate(value)
    except ValidationError as error:
        raise ConfigError(describe(error)) from error
    return _absolute(config, folder)


def _absolute(config: RunConfig, folder: Path) -> RunConfig:
    """Paths made absolute; the factory's file too."""
    model = config.model
    source, colon, name = model.factory.rpartition(":")
    factory = f"{folder / source}{colon}{name}" if source.endswith(".py") else model.factory
    checkpoint = folder / model.checkpoint if model.checkpoint is not None else None
    images = tuple(
        i.model_copy(
            update={
                "path": tuple(folder / p for p in i.path),
                "label": folder / i.label if i.label is not None else None,
            }
        )
        for i in config.images
    )
    return config.model_copy(
        update={
            "model": model.model_copy(update={"factory": factory, "checkpoint": checkpoint}),
            "images": images,
            "output": folder / config.output,
        }
    )
