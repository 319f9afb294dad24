"""What makes a run what it is: a folder is resumed only where this is equal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchesegeta.config import RunConfig
from torchesegeta.errors import InputError
from torchesegeta.ledger import sha256_of

FIELDS = (
    *("model", "images", "preprocess", "target", "layers", "methods", "patches", "precision", "agreement", "seed"),
    "channels",
)
"""Fields of a config that change maps or their files; the others say where a run happens and how it is drawn."""


def identify(config: RunConfig) -> dict[str, Any]:
    """Everything that decides on the maps of a run: its fields, and the contents of its files.

    Of paths only the names count, so that a project may be moved. Of images, which may be many, only the sizes are
    here; their contents are noted when their turn comes.

    Args:
        config: The config, paths resolved; its files exist.

    Raises:
        InputError: A file cannot be read.
    """
    files = {field: path for field, path in config.files().items() if not field.startswith("evaluation.")}
    factory = config.model.factory
    source, _, name = (factory or "").rpartition(":")
    if source.endswith(".py"):
        files["model.factory"] = Path(source)
    names = {str(path): path.name for path in files.values()}
    if factory is not None:
        names[factory] = f"{Path(source).name}:{name}"
    images = {field for number, image in enumerate(config.images) for field in image.files(number)}
    content = config.model_dump(mode="json", by_alias=True, include=set(FIELDS))
    return {**_renamed(content, names), "files": {field: _told(path, field in images) for field, path in files.items()}}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _told(path: Path, is_image: bool) -> str | int | None:
    try:
        return path.stat().st_size if is_image else sha256_of(path)
    except FileNotFoundError:
        return None  # a factory's file: building the model says it better
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
