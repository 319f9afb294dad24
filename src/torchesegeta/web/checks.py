"""What is wrong with a config as one types, field by field: everything that needs neither the model nor an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from torchesegeta.config import RunConfig, parse_config
from torchesegeta.errors import EsegetaError
from torchesegeta.methods import LayerMethod, Method, methods
from torchesegeta.metrics.entries import parse_metrics
from torchesegeta.plan import check_config
from torchesegeta.targets.parse import KINDS
from torchesegeta.tasks import parse_methods
from torchesegeta.validation import describe
from torchesegeta.web.answers import Validation
from torchesegeta.web.catalogue import Entry, format_of
from torchesegeta.web.configs import Config, Translator, apart
from torchesegeta.web.fields import by_field
from torchesegeta.web.refusals import Refusal


def validate(config: Config, translator: Translator) -> Validation:
    """Check a config of the browser, finished or not."""
    translated, problems = translator.command_line(config)
    problems = {**_shallow(translated), **problems}
    if not problems:
        problems = _deeper(translated)
    count = len(translated["images"]) if isinstance(translated.get("images"), list) else 0
    return Validation(fields=problems, methods=impossible(translator.entry_of(config), count))


def checked(config: Config, translator: Translator) -> Config:
    """A config of the command line, of which nothing is wrong that can be told by now.

    Raises:
        ConfigError: Something is.
    """
    translated, problems = translator.command_line(config)
    _refuse({**_shallow(translated), **problems} or _deeper(translated))
    return translated


def checked_for_elsewhere(config: Config, translator: Translator) -> Config:
    """The same, with the fields that are for the command line alone.

    Raises:
        ConfigError: Something is wrong.
    """
    here, aside = apart(config)
    translated = checked(here, translator)
    if aside:
        translated = {**translated, "execution": {**translated["execution"], **aside}}
        _refuse(_schema(translated))
    return translated


def _refuse(found: dict[str, str]) -> None:
    if found:
        raise Refusal(422, "; ".join(f"{field}: {text}" for field, text in found.items()), found)


def impossible(entry: Entry | None, images: int) -> dict[str, str]:
    """Methods that cannot be had with a model, and why, as far as that is known without running it."""
    if entry is None:
        return {}
    reasons = {name: _why_not(method, entry, images) for name, method in methods().items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _why_not(method: type[Method], entry: Entry, images: int) -> str | None:
    if entry.spatial_dims not in method.spatial_dims:
        return f"it does not work in {entry.spatial_dims}D"
    if format_of(entry) == "torchscript" and issubclass(method, LayerMethod):
        return "a TorchScript model hides its layers"
    if format_of(entry) == "torchscript" and any(getattr(sweep, "rule", None) for sweep in method().sweeps()):
        return "a TorchScript model hides its operations"
    if images and images < method.fewest_images:
        return f"it needs at least {method.fewest_images} images"
    if method.name == "captum" and find_spec("captum") is None:
        return "the package captum is not installed"
    return None


def _schema(config: Config) -> dict[str, str]:
    try:
        RunConfig.model_validate(config)
    except ValidationError as error:
        return by_field(describe(error, kinds=KINDS))
    return {}


def _shallow(config: Config) -> dict[str, str]:
    """What is wrong with single fields."""
    evaluation = config.get("evaluation")
    metrics = evaluation.get("metrics") if isinstance(evaluation, Mapping) else None
    found = _entries(config.get("methods"), "methods", parse_methods)
    return {**_schema(config), **found, **_entries(metrics, "evaluation.metrics", parse_metrics)}


def _entries(entries: Any, field: str, parse: Callable[[list[Any]], Any]) -> dict[str, str]:
    """What is wrong with each entry: the checks of the command line stop at the first."""
    found: dict[str, str] = {}
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, str | Mapping):
            continue
        try:
            parse([entry])
        except EsegetaError as error:
            said = by_field(str(error)).items()
            found.update({f"{field}[{number}]{path.partition('[0]')[2]}": text for path, text in said})
    return found


def _deeper(config: Config) -> dict[str, str]:
    try:
        check_config(parse_config(config, Path()))
    except EsegetaError as error:
        return by_field(str(error))
    return {}
