"""The models that can be explained: given when the server starts, never by the browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from torchesegeta.config import ImageConfig, ModelConfig
from torchesegeta.errors import ConfigError, EsegetaError
from torchesegeta.validation import Strict, describe
from torchesegeta.web.answers import ImageRef, ModelInfo
from torchesegeta.web.places import EXAMPLE
from torchesegeta.web.places import describe as describe_file
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.settings import Settings

FORMATS = {".pt2": "export", ".pt": "torchscript", ".pth": "torchscript", ".ts": "torchscript"}


class Entry(Strict):
    """A model of the catalogue, as `models.json` has it; paths are relative to that file."""

    id: str = Field(pattern=r"^[\w.\-]+$", description="Its name in configs of the web interface.")
    name: str = Field(description="Its name for people.")
    summary: str = Field("", description="One sentence.")
    model: ModelConfig = Field(description="As in a config.")
    preprocess: tuple[dict[str, Any], ...] = Field((), description="As in a config.")
    spatial_dims: Literal[2, 3] = Field(description="Dimensions of its images.")
    channels: int = Field(1, ge=1, description="Channels of its images.")
    task: Literal["segmentation", "classification"] | None = Field(None, description="What it does.")
    examples: tuple[ImageConfig, ...] = Field((), description="Images to try it on, as in a config.")
    target: dict[str, Any] | None = Field(None, description="What is usually explained.")
    layers: tuple[str, ...] = Field((), description="Layers that are usually looked at.")
    accepts_checkpoint: bool = Field(False, description="Whether weights may be uploaded for it.")
    notes: tuple[str, ...] = Field((), description="What the reader of a report must know.")


class CatalogueFile(Strict):
    """The content of `models.json`."""

    models: tuple[Entry, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Catalogue:
    """The models, with paths resolved."""

    entries: tuple[Entry, ...]

    def entry(self, name: str) -> Entry:
        """A model by its id.

        Raises:
            Refusal: There is none.
        """
        for one in self.entries:
            if one.id == name:
                return one
        known = ", ".join(one.id for one in self.entries) or "none"
        raise Refusal(404, f"there is no model {name!r}; there are: {known}")

    def examples(self) -> dict[str, Path]:
        """Images and labels of all entries, by reference."""
        found: dict[str, Path] = {}
        for one in self.entries:
            for number, image in enumerate(one.examples):
                start = f"{EXAMPLE}/{one.id}/{number}"
                found.update({f"{start}/{i}": path for i, path in enumerate(image.path)})
                if image.label is not None:
                    found[f"{start}/label"] = image.label
        return found


def about(entry: Entry) -> ModelInfo:
    """An entry as the browser sees it: no factory, no paths."""
    return ModelInfo(
        id=entry.id,
        name=entry.name,
        summary=entry.summary,
        task=entry.task,
        spatial_dims=entry.spatial_dims,
        classes=list(entry.model.class_names),
        accepts_checkpoint=entry.accepts_checkpoint and entry.model.program is None,
        format=format_of(entry),
        channels=entry.channels,
        examples=[_example(entry.id, i, one) for i, one in enumerate(entry.examples) if one.path[0].is_file()],
        target=entry.target,
        layers=list(entry.layers),
        unavailable=_missing(entry),
    )


def _example(name: str, number: int, image: ImageConfig) -> ImageRef:
    start = f"{EXAMPLE}/{name}/{number}"
    label = f"{start}/label" if image.label is not None and image.label.is_file() else None
    return describe_file(image.path[0], f"{start}/0").model_copy(update={"label": label})


def format_of(entry: Entry) -> str:
    """`module`, `export` or `torchscript`, by the model's file."""
    program = entry.model.program
    return "module" if program is None else FORMATS.get(program.suffix.lower(), "torchscript")


def _missing(entry: Entry) -> str | None:
    files = [path for path in (entry.model.checkpoint, entry.model.program) if path is not None]
    gone = [path.name for path in files if not path.is_file()]
    return f"its file {gone[0]} is not there" if gone else None


def load(settings: Settings) -> Catalogue:
    """The catalogue of a server: that of `models.json`, else the demo network.

    Raises:
        ConfigError: The file is wrong.
    """
    return Catalogue(tuple(_read(settings.models)) if settings.models is not None else tuple(_demo(settings)))


def _read(path: Path) -> Sequence[Entry]:
    try:
        content = CatalogueFile.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ConfigError(f"{path.name}: {describe(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from error
    names = [one.id for one in content.models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path.name}: the id {twice[0]!r} stands twice")
    return [_absolute(one, path.resolve().parent) for one in content.models]


def _absolute(entry: Entry, folder: Path) -> Entry:
    model = entry.model
    source, colon, name = (model.factory or "").rpartition(":")
    factory = f"{folder / source}{colon}{name}" if source.endswith(".py") else model.factory
    files = {key: folder / path for key in ("checkpoint", "program") if (path := getattr(model, key)) is not None}
    examples = tuple(
        one.model_copy(
            update={
                "path": tuple(folder / path for path in one.path),
                "label": None if one.label is None else folder / one.label,
            }
        )
        for one in entry.examples
    )
    return entry.model_copy(
        update={"model": model.model_copy(update={"factory": factory, **files}), "examples": examples}
    )


def _demo(settings: Settings) -> Sequence[Entry]:
    """The demo network and its image, where the package that carries the image is installed."""
    from torchesegeta.demo import prepare

    try:
        config = json.loads(prepare(settings.state / "demo" / "brain").read_text(encoding="utf-8"))
    except EsegetaError:
        return []
    entry = Entry(
        id="brain-tissue",
        name="Brain tissue",
        summary="A small U-Net that tells grey from white matter in T1-weighted images of the head.",
        model=ModelConfig.model_validate(config["model"]),
        preprocess=tuple(config["preprocess"]),
        spatial_dims=3,
        task="segmentation",
        examples=tuple(ImageConfig.model_validate(image) for image in config["images"]),
        target=config["target"],
        layers=tuple(config["layers"]),
        accepts_checkpoint=True,
        notes=tuple(config["notes"]),
    )
    return [entry]
