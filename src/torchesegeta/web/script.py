"""A config as what runs it elsewhere: a command, and a script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torchesegeta.web.answers import Exported
from torchesegeta.web.configs import Config


def export(config: Config) -> Exported:
    """A config of the command line, of which nothing is wrong, with the command and the script."""
    name = f"{Path(config['output']).name}.json"
    return Exported(config=config, command=f"esegeta run {name}", python=python(config))


def python(config: Config) -> str:
    """What the config runs, as a script."""
    model = config.get("model", {})
    images = config.get("images", [])
    build = (
        f"model, warnings = load_model(\n    {model.get('factory')!r},\n    {model.get('arguments', {})!r},\n"
        f"    {_path(model.get('checkpoint'))},\n    seed={config.get('seed', 0)},\n    folder=Path(),\n)"
        if model.get("factory")
        else f"model = load_program(Path({model.get('program')!r}))"
    )
    reads = ",\n    ".join(_read_call(image, config.get("preprocess", [])) for image in images)
    options = {
        "target": config.get("target"),
        "layers": config.get("layers"),
        "device": next(iter(config.get("execution", {}).get("devices", [])), "cpu"),
        "precision": config.get("precision", "float32"),
        "seed": config.get("seed", 0),
        "patches": config.get("patches"),
        "activation": model.get("activation"),
        "class_names": model.get("class_names", []),
        "output": model.get("output"),
    }
    given = "".join(f"    {key}={value!r},\n" for key, value in options.items() if value not in (None, []))
    loader = "load_model" if model.get("factory") else "load_program"
    return (
        f"from pathlib import Path\n\nimport torchesegeta as te\nfrom torchesegeta.inputs import read_image\n"
        f"from torchesegeta.models import {loader}\n\n{build}\nimages = [\n    {reads},\n]\n"
        f"maps = te.explain(\n    model,\n    images,\n    methods={config.get('methods', [])!r},\n{given})\n"
        f"maps.save({config.get('output', 'maps')!r})\n"
    )


def _path(value: Any) -> str:
    return "None" if value is None else f"Path({value!r})"


def _read_call(image: Mapping[str, Any], preprocess: list[Any]) -> str:
    named = {"name": image.get("name"), "label": image.get("label"), "preprocess": preprocess or None}
    given = "".join(f", {key}={value!r}" for key, value in named.items() if value is not None)
    return f"read_image({image.get('path')!r}{given})"
