"""Configs of the command line as those of the browser; what cannot be had here is left out and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from torchesegeta.config import ModelConfig
from torchesegeta.web.answers import Imported
from torchesegeta.web.catalogue import Catalogue, Entry
from torchesegeta.web.configs import MODEL, OWN, Config
from torchesegeta.web.places import UPLOAD, Places
from torchesegeta.web.refusals import Refusal

SOURCE = ("factory", "arguments", "program")
"""Fields by which a model is found in the catalogue."""
TRANSLATED = (*OWN, "model", "images", "notes")


def load(config: Config, catalogue: Catalogue, places: Places) -> Imported:
    """Take in a config of the command line.

    Args:
        config: As a JSON value; nothing of it has been checked.
        catalogue: The models there are.
        places: The files there are.
    """
    return _Loading(config, catalogue, places).done()


@dataclass
class _Loading:
    config: Config
    catalogue: Catalogue
    places: Places
    problems: list[str] = field(default_factory=list)

    def done(self) -> Imported:
        result = {key: value for key, value in self.config.items() if key not in TRANSLATED}
        model = self.config.get("model")
        entry = self._entry(model) if isinstance(model, Mapping) else None
        result["model"] = self._model(model, entry)
        if entry is not None and list(entry.preprocess) != list(self.config.get("preprocess") or []):
            self.problems.append("its preprocessing differs from that of the catalogue, which is used here")
        notes = [note for note in _list(self.config.get("notes")) if entry is None or note not in entry.notes]
        result |= {"notes": notes} if notes else {}
        result["images"] = self._images()
        for key, file in (("target", "mask"), ("methods", "path"), ("evaluation", "path")):
            if key in result:
                result[key] = self._files(result[key], file)
        if isinstance(result.get("output"), str):
            result["output"] = Path(result["output"]).name
        return Imported(config=result, problems=self.problems)

    def _entry(self, model: Mapping[str, Any]) -> Entry | None:
        """The model of the catalogue that is most like one of a config."""
        about = _plain(model)
        alike = [one for one in self.catalogue.entries if not _differing(_plain_of(one), about, SOURCE)]
        return min(alike, key=lambda one: len(_differing(_plain_of(one), about)), default=None)

    def _model(self, model: Any, entry: Entry | None) -> Config:
        if isinstance(model, Mapping) and "catalogue" in model:
            return {key: model[key] for key in MODEL if key in model}
        if entry is None:
            self.problems.append("its model is not in this catalogue; choose one")
            return {}
        found: Config = {"catalogue": entry.id}
        about, own = _plain(model), _plain_of(entry)
        for key in _differing(own, about):
            ref = self._ref(about.get(key)) if key == "checkpoint" and entry.accepts_checkpoint else None
            if ref is not None and ref.startswith(f"{UPLOAD}/"):
                found[key] = ref
            elif key == "checkpoint":
                self.problems.append(f"the weights {about.get(key)!r} are not here; upload them")
            else:
                self.problems.append(f"its model's {key} is {about.get(key)!r}; here it is {own.get(key)!r}")
        return found

    def _images(self) -> list[Config]:
        images = self.config.get("images")
        found = (self._image(image) for image in (images if isinstance(images, list) else [images]))
        return [image for image in found if image is not None]

    def _image(self, image: Any) -> Config | None:
        paths = image.get("path") if isinstance(image, Mapping) else None
        if paths is None:
            self.problems.append("images by a pattern or a table are not looked for here; choose them one by one")
            return None
        refs = [self._ref(path) for path in ([paths] if isinstance(paths, str) else _list(paths))]
        if not refs or None in refs:
            self.problems.append(f"the image {paths!r} is in no folder that is served; choose or upload it")
            return None
        found = {"path": refs} | ({"name": image["name"]} if image.get("name") is not None else {})
        if image.get("label") is not None:
            label = self._named(image["label"])
            found |= {"label": label} if label is not None else {}
        return found

    def _files(self, value: Any, file: str) -> Any:
        """A target's or methods' parameters, with references to the files that stand under a key."""
        if isinstance(value, list):
            return [self._files(item, file) for item in value]
        if not isinstance(value, Mapping):
            return value
        return {
            key: self._named(item) if key == file and isinstance(item, str) else self._files(item, file)
            for key, item in value.items()
        }

    def _named(self, path: Any) -> str | None:
        ref = self._ref(path)
        if ref is None:
            self.problems.append(f"the file {path!r} is in no folder that is served; it is left out")
        return ref

    def _ref(self, path: Any) -> str | None:
        if not isinstance(path, str) or "\0" in path:
            return None
        try:
            self.places.path(path)
        except Refusal:
            return self.places.ref(Path(path))
        return path


def _plain(model: Mapping[str, Any]) -> Config:
    """What a model's fields say other than usual."""
    try:
        return ModelConfig.model_validate(model).model_dump(mode="json", exclude_defaults=True)
    except ValidationError:
        return dict(model)


def _plain_of(entry: Entry) -> Config:
    return entry.model.model_dump(mode="json", exclude_defaults=True)


def _differing(one: Config, other: Config, keys: tuple[str, ...] | None = None) -> list[str]:
    known = keys if keys is not None else sorted({*one, *other})
    return [key for key in known if one.get(key) != other.get(key)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
