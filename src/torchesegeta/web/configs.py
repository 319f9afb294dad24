"""The browser's configs, and those of the command line: references become files, and the other way round."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchesegeta.config import RunConfig
from torchesegeta.errors import InputError
from torchesegeta.inputs import check_size
from torchesegeta.store import slug
from torchesegeta.web.catalogue import Catalogue, Entry
from torchesegeta.web.places import UPLOAD, Places
from torchesegeta.web.refusals import Refusal

Config = dict[str, Any]
"""A config as JSON: the browser's, or the command line's."""
EXECUTION = ("devices", "workers_per_device", "timeout_s", "chunk_size")
"""Fields of `execution` that the browser may set."""
ELSEWHERE = ("scratch", "executor", "shard")
"""Fields of `execution` that a loaded config keeps for the command line; runs of the server have none of them."""
LOCAL = {"kind": "local"}
"""The executor that runs of the server have."""
OWN = ("preprocess",)
"""Fields that come from the catalogue alone."""
FIELDS = (
    *("model", "images", "target", "layers", "methods", "patches", "precision", "agreement", "seed", "channels"),
    *("figures", "convention", "execution", "evaluation", "notes", "output"),
)
"""Fields that the browser may set; others could name files."""
MODEL = ("catalogue", "checkpoint")
IMAGE = ("path", "label", "name")


@dataclass(frozen=True)
class Translator:
    """Takes configs to the command line and back.

    Attributes:
        catalogue: The models.
        places: The files.
        runs: The folder of runs.
        most: Bytes that the values of an image may take.
    """

    catalogue: Catalogue
    places: Places
    runs: Path
    most: int

    def command_line(self, config: Config) -> tuple[Config, dict[str, str]]:
        """A config of the browser as one of the command line, and what is wrong with its references, by field.

        What is wrong is left out.
        """
        problems: dict[str, str] = {}
        result = {key: value for key, value in config.items() if key not in OWN}
        entry = self._model(result, problems)
        self._images(result, problems)
        self._files(result, problems)
        self._execution(result, problems)
        self._output(result, problems)
        for key in OWN:
            if config.get(key):
                problems[key] = "this comes with the model; it cannot be changed here"
        for key in RunConfig.model_fields:
            if key in result and key not in (*FIELDS, *OWN):
                del result[key]
                problems[key] = "this cannot be set here"
        if entry is not None:
            if entry.preprocess:
                result["preprocess"] = list(entry.preprocess)
            result["notes"] = [*entry.notes, *_texts(config.get("notes"))]
        return result, problems

    def entry_of(self, config: Config) -> Entry | None:
        """The catalogue's entry that a config names, if it does."""
        model = config.get("model")
        name = model.get("catalogue") if isinstance(model, Mapping) else None
        return next((one for one in self.catalogue.entries if one.id == name), None)

    def _model(self, result: Config, problems: dict[str, str]) -> Entry | None:
        model = result.pop("model", None)
        entry = self.entry_of({"model": model})
        if entry is None:
            problems["model"] = "choose a model of the catalogue"
            return None
        strange = [key for key in model if key not in MODEL]
        if strange:
            problems["model"] = f"{strange[0]!r} cannot be set here; only the catalogue says how a model is built"
        about = entry.model.model_dump(mode="json", exclude_defaults=True)
        checkpoint = model.get("checkpoint")
        if checkpoint is not None:
            found = self._file(checkpoint, "model.checkpoint", problems, image=False)
            if not entry.accepts_checkpoint or entry.model.program is not None:
                problems["model.checkpoint"] = "this model takes no other weights"
            elif not str(checkpoint).startswith(f"{UPLOAD}/"):
                problems["model.checkpoint"] = "weights of one's own are uploaded"
            elif found is not None:
                about["checkpoint"] = str(found)
        result["model"] = about
        return entry

    def _images(self, result: Config, problems: dict[str, str]) -> None:
        images = result.get("images")
        if images is not None and not isinstance(images, list):
            problems["images"] = "a list of images is wanted"
            del result["images"]
        if not isinstance(images, list):
            return
        result["images"] = [self._image(image, f"images[{i}]", problems) for i, image in enumerate(images)]

    def _image(self, image: Any, where: str, problems: dict[str, str]) -> Any:
        if not isinstance(image, Mapping) or set(image) - set(IMAGE):
            problems[where] = f"an image has {', '.join(IMAGE)}, and nothing else"
            return {}
        paths = image.get("path")
        refs = paths if isinstance(paths, list) else [paths]
        found = dict(image)
        files = [self._file(ref, f"{where}.path[{j}]", problems) for j, ref in enumerate(refs)]
        found["path"] = [str(path) for path in files if path is not None]
        if image.get("label") is not None:
            label = self._file(image["label"], f"{where}.label", problems)
            found["label"] = None if label is None else str(label)
        return found

    def _files(self, result: Config, problems: dict[str, str]) -> None:
        """Files that the target and methods name: masks, baselines, features."""
        target = result.get("target")
        if isinstance(target, Mapping) and target.get("mask") is not None:
            mask = self._file(target["mask"], "target.mask", problems)
            result["target"] = {**target, "mask": None if mask is None else str(mask)}
        for field in ("methods", "evaluation"):
            if field in result:
                result[field] = self._paths(result[field], field, problems)

    def _paths(self, value: Any, where: str, problems: dict[str, str]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._named(key, item, f"{where}.{key}", problems) for key, item in value.items()}
        if isinstance(value, list):
            return [self._paths(item, f"{where}[{i}]", problems) for i, item in enumerate(value)]
        return value

    def _named(self, key: str, item: Any, where: str, problems: dict[str, str]) -> Any:
        if key != "path" or not isinstance(item, str):
            return self._paths(item, where, problems)
        found = self._file(item, where, problems)
        return None if found is None else str(found)

    def _execution(self, result: Config, problems: dict[str, str]) -> None:
        execution = result.get("execution")
        if isinstance(execution, Mapping):
            for key in (key for key in execution if key not in EXECUTION and execution[key] != LOCAL):
                problems[f"execution.{key}"] = (
                    "this is for the command line: download the config, or leave it out"
                    if key in ELSEWHERE
                    else "this cannot be set here"
                )
            result["execution"] = {key: value for key, value in execution.items() if key in EXECUTION}

    def _output(self, result: Config, problems: dict[str, str]) -> None:
        name = result.get("output", "run")
        if not isinstance(name, str) or not name.strip() or len(name) > 200:
            problems["output"] = "give the run a name of at most 200 letters"
            name = "run"
        result["output"] = str(self.runs / folder_name(name))

    def _file(self, ref: Any, where: str, problems: dict[str, str], *, image: bool = True) -> Path | None:
        try:
            path = self.places.path(ref) if isinstance(ref, str) else None
            if path is None:
                problems[where] = "name a file that is served or uploaded"
            elif image:
                check_size(path, self.most, unpack=False)
        except Refusal as error:
            problems[where] = error.text
            return None
        except InputError as error:
            problems[where] = str(error).replace(str(path), path.name if path else "")
            return None
        return path


def apart(config: Config) -> tuple[Config, Config]:
    """A config without those fields of `execution` that are for the command line alone, and these."""
    execution = config.get("execution")
    if not isinstance(execution, Mapping):
        return config, {}
    own = {key: value for key, value in execution.items() if key not in ELSEWHERE}
    return {**config, "execution": own}, {key: execution[key] for key in execution if key in ELSEWHERE}


def folder_name(name: str) -> str:
    """A run's name as that of a folder."""
    plain = re.sub(r"[^\w.\- ]+", "-", name.strip()).strip(".- ")
    return slug(plain or "run").lstrip(".") or "run"


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def to_json(config: Config) -> str:
    """A config as text."""
    return json.dumps(config, ensure_ascii=False, indent=2)
