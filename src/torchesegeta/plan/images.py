"""The images of a config: their names in the run, and their files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from torchesegeta.config import ImageConfig, RunConfig
from torchesegeta.errors import ConfigError, InputError, unknown
from torchesegeta.inputs import read_image
from torchesegeta.inputs.formats import stem_of
from torchesegeta.inputs.read import check_name
from torchesegeta.types import Image


@dataclass(frozen=True)
class PlannedImage:
    """An image of the config, under the name it has in the run.

    Attributes:
        name: In the run.
        config: Its files.
        number: Among the images of the config, from 0.
    """

    name: str
    config: ImageConfig
    number: int = 0

    @property
    def files(self) -> dict[str, Path]:
        """Its files by the paths of their fields."""
        return self.config.files(self.number)


def name_images(config: RunConfig) -> list[PlannedImage]:
    """Names of images: given, or the first file's stem; numbered where they would be equal.

    Raises:
        ConfigError: A given name stands twice or cannot be a folder's, or a file is of no format that is read.
    """
    given = Counter(image.name for image in config.images if image.name is not None)
    for name, times in given.items():
        if times > 1:
            raise ConfigError(f"images: the name {name!r} stands {times} times; give each a name of its own")
    taken, planned = set(given), []
    for number, image in enumerate(config.images):
        planned.append(PlannedImage(_name(number, image, taken), image, number))
        taken.add(planned[-1].name)
    return planned


def _name(number: int, image: ImageConfig, taken: Set[str]) -> str:
    try:
        if image.name is not None:
            return check_name(image.name)
        stem = re.sub(r"[^\w.\-]+", "_", stem_of(image.path[0])).lstrip(".") or "image"
    except InputError as error:
        field = "path[0]" if image.name is None else "name"
        raise ConfigError(f"images[{number}].{field}: {error}") from error
    numbered = (f"{stem}_{n}" for n in count(number))
    return next(name for name in chain([stem], numbered) if name not in taken)


def read_planned(image: PlannedImage, config: RunConfig, spatial_dims: int | None) -> Image:
    """Read an image with its label and preprocessing.

    Raises:
        InputError: It cannot be read.
    """
    return read_image(
        image.config.path,
        name=image.name,
        label=image.config.label,
        preprocess=config.preprocess,
        spatial_dims=spatial_dims,
    )


def check_files(config: RunConfig) -> None:
    """Every file of the config exists.

    Raises:
        ConfigError: One does not; names the nearest.
    """
    for field, path in config.files().items():
        if not path.is_file():
            raise ConfigError(f"{field}: {_missing(path)}")


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{str(path)!r} is a folder; name a file in it"
    if not path.parent.is_dir():
        return f"the folder {str(path.parent)!r} does not exist"
    near = [found.name for found in path.parent.iterdir() if found.is_file() and not found.name.startswith(".")]
    return unknown("file", path.name, near, where=f"in {path.parent}")
