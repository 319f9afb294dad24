"""The config: one JSON file says what a run explains, and how. It knows no method by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from torchesegeta.datasets import expand
from torchesegeta.errors import ConfigError, unknown
from torchesegeta.executors import KINDS as EXECUTORS
from torchesegeta.executors import Executor, LocalExecutor, RayExecutor
from torchesegeta.ledger import Shard
from torchesegeta.patches import Patches
from torchesegeta.targets import OutputInfo, TargetSpec
from torchesegeta.targets.base import Activation
from torchesegeta.targets.classes import ClassTarget
from torchesegeta.targets.parse import KINDS
from torchesegeta.types import Precision
from torchesegeta.validation import Strict, check_agreement, describe
from torchesegeta.verdict import Thresholds


class ModelConfig(Strict):
    """Where the model comes from, and how its output is read."""

    factory: str | None = Field(
        None, description="What builds the model: 'package.module:Name', or 'file.py:Name' beside the config."
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="Arguments of the factory.")
    checkpoint: Path | None = Field(None, description="Weights: .safetensors, .pt or .pth; without: random weights.")
    program: Path | None = Field(
        None,
        description="Instead of factory and checkpoint: a file that holds the whole model, .pt2 of torch.export.save "
        "or TorchScript (.pt, .pth, .ts, .torchscript). As trusted as a factory: PyTorch's loaders are no sandbox.",
    )
    output: int | str | None = Field(None, description="Which of several outputs is explained, by index or key.")
    activation: Activation | None = Field(
        None, description="What turns the raw output into probabilities; without: softmax, or sigmoid of one channel."
    )
    class_names: tuple[str, ...] = Field((), description="One name per class.")

    @model_validator(mode="after")
    def _one_source(self) -> ModelConfig:
        if (self.factory is None) == (self.program is None):
            raise ValueError("give either a 'factory', which builds the model, or a 'program', a file that holds it")
        beside = [name for name in ("arguments", "checkpoint") if getattr(self, name)]
        if self.program is not None and beside:
            raise ValueError(f"a program holds its weights: leave out {', '.join(map(repr, beside))}")
        return self

    @property
    def info(self) -> OutputInfo:
        """What is known of the output."""
        return OutputInfo(self.activation, self.class_names)


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


class ImageConfig(Strict):
    """One image: a file, or several whose channels are put behind one another."""

    path: Annotated[tuple[Path, ...], BeforeValidator(_listed)] = Field(
        min_length=1, description="File, or one per channel."
    )
    label: Path | None = Field(None, description="The reference segmentation.")
    name: str | None = Field(None, description="Name in the run; without: the file's.")

    def files(self, number: int) -> dict[str, Path]:
        """Its files by the paths of their fields, as the config's image of that number."""
        files = {f"images[{number}].path[{j}]": path for j, path in enumerate(self.path)}
        return files | ({f"images[{number}].label": self.label} if self.label is not None else {})


class ExecutionConfig(Strict):
    """Where and how the jobs run."""

    devices: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        ("cpu",),
        min_length=1,
        description="One or more, as torch names them; 'auto': every GPU, or the CPU where there is none.",
    )
    workers_per_device: int = Field(1, ge=1, le=64, description="Processes per device, each with the model of its own.")
    timeout_s: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Seconds a run may take, counted anew where it is resumed."
    )
    chunk_size: int | None = Field(None, ge=1, description="Points of a sweep run at once; without: chosen.")
    scratch: Path | None = Field(
        None,
        description="Folder for volumes that patches are added up in where memory is short; without: the run's.",
    )
    executor: Executor = Field(default_factory=LocalExecutor, description="Who runs the workers: see below.")

    @field_validator("executor", mode="before")
    @classmethod
    def _known_executor(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("kind") not in EXECUTORS:
            raise ValueError(unknown("kind", value.get("kind"), EXECUTORS))
        return value

    @field_validator("executor")
    @classmethod
    def _devices_of_a_cluster(cls, value: Executor, info: ValidationInfo) -> Executor:
        devices, several = info.data.get("devices", ("auto",)), info.data.get("workers_per_device", 1) > 1
        if not isinstance(value, RayExecutor):
            return value
        if devices not in (("auto",), ("cpu",), ("cuda",)):
            named = ", ".join(map(repr, devices))
            raise ValueError(
                f"Ray gives every worker its device: 'devices' may be 'auto', 'cpu' or 'cuda', not {named}"
            )
        if several and devices == ("cpu",):
            raise ValueError("'workers_per_device' is for GPUs; 'cpus_per_worker' says how many workers share CPUs")
        return value

    shard: str | None = Field(
        None,
        description="Run one of several parts of the images, as '3/16': every sixteenth, from the third on. Its folder "
        "is 'shard-03-of-16' in the output.",
    )

    @field_validator("shard")
    @classmethod
    def _shard(cls, value: str | None) -> str | None:
        return value if value is None else str(Shard.parse(value))


class EvaluationConfig(Strict):
    """How far the maps can be trusted."""

    metrics: tuple[str | dict[str, Any], ...] = Field((), description="Names, or names with parameters.")
    cascading_randomisation: dict[str, Any] | None = Field(
        None, description="Parameters of that metric, and the `methods` whose maps it judges; without: it is not run."
    )
    verdict: Thresholds | None = Field(
        None,
        description="Adds the metrics that a verdict on each method needs, and says from where on its answers are yes, "
        "weak or no: `{}` for the usual thresholds; without: only what the metrics above answer.",
    )

    @property
    def entries(self) -> tuple[str | dict[str, Any], ...]:
        """All metrics."""
        cascade = self.cascading_randomisation
        return self.metrics if cascade is None else (*self.metrics, {**cascade, "name": "cascading_randomisation"})


class RunConfig(Strict):
    """Everything a run needs."""

    model: ModelConfig
    images: tuple[ImageConfig, ...] = Field(
        min_length=1, description="The images to explain: a list of them, or a set, or a list with sets in it."
    )
    preprocess: tuple[dict[str, Any], ...] = Field((), description="MONAI transforms by name, with their arguments.")
    target: TargetSpec = Field(default_factory=ClassTarget, description="What is explained.")
    layers: tuple[str, ...] | None = Field(
        None, description="Layers of the layer methods; without: the deepest at the lowest resolution."
    )
    methods: tuple[str | dict[str, Any], ...] = Field(min_length=1, description="Names, or names with parameters.")
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig, description="Metrics that judge the maps.")
    patches: Patches | None = Field(None, description="Run images patch by patch; without: as a whole.")
    precision: Precision = Field(
        "float32",
        description="Of the passes: the weights as they are, autocast, or weights converted; sums are float32.",
    )
    agreement: bool = Field(
        False, description="Run in float32 too, and record how well the maps agree (Spearman's ρ over voxels)."
    )
    seed: int = Field(0, ge=0, description="Of every random draw.")
    channels: Literal["sum", "keep"] = Field(
        "sum", description="Whether files of layer maps keep the layer's channels."
    )
    figures: bool = Field(True, description="Whether maps are drawn; pictures that methods make always are.")
    convention: Literal["radiological", "neurological"] = Field("radiological", description="Of figures of slices.")
    execution: ExecutionConfig = Field(default_factory=ExecutionConfig)
    notes: tuple[str, ...] = Field((), description="What the reader of the report must know.")
    output: Path = Field(description="The run folder.")

    @property
    def shard(self) -> Shard | None:
        """Which part of the images is run; None: all."""
        return None if self.execution.shard is None else Shard.parse(self.execution.shard)

    @field_validator("agreement")
    @classmethod
    def _two_precisions(cls, value: bool, info: ValidationInfo) -> bool:
        check_agreement(info.data.get("precision"), value)
        return value

    def files(self) -> dict[str, Path]:
        """Every file the config names, by the path of its field: the output and a factory's module left out."""
        model = self.model
        files = {"model.checkpoint": model.checkpoint, "model.program": model.program}
        files["target.mask"] = getattr(self.target, "mask", None)
        for number, image in enumerate(self.images):
            files.update(image.files(number))
        files.update(_paths_in(self.methods, "methods"))
        files.update(_paths_in(self.evaluation.entries, "evaluation.metrics"))
        return {field: path for field, path in files.items() if isinstance(path, Path)}


def load_config(path: Path, shard: str | None = None) -> RunConfig:
    """Read a config; relative paths become relative to its folder, and sets of images lists of them.

    Args:
        path: The file.
        shard: Which part of the images is run, as '3/16', whatever the config says; None: what it says.

    Raises:
        ConfigError: The file does not exist, is no JSON, or a field is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = [p.name for p in path.parent.glob("*.json")] if path.parent.is_dir() else []
        raise ConfigError(unknown("config", path.name, near, where=f"in {path.resolve().parent}")) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no JSON file: it holds other than text") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}: not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse_config(value if shard is None else _with_shard(value, shard), path.resolve().parent)


def _with_shard(value: Any, shard: str) -> Any:
    """A config's value with a shard; what is no config is refused by others."""
    execution = value.get("execution", {}) if isinstance(value, dict) else None
    return {**value, "execution": {**execution, "shard": shard}} if isinstance(execution, dict) else value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON; write a finite number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the field {twice[0]!r} stands twice in one object; take one out")
    return dict(pairs)


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
        config = RunConfig.model_validate({**value, **_images(value, folder)})
    except ValidationError as error:
        raise ConfigError(describe(error, kinds=(*KINDS, *EXECUTORS))) from error
    return _absolute(config, folder)


def _images(value: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    return {"images": expand(value["images"], folder)} if "images" in value else {}


def _absolute(config: RunConfig, folder: Path) -> RunConfig:
    """Paths made absolute; those of the factory, of the target and of methods too."""
    model, target = config.model, config.target
    source, colon, name = (model.factory or "").rpartition(":")
    factory = f"{folder / source}{colon}{name}" if source.endswith(".py") else model.factory
    checkpoint, program = (folder / path if path is not None else None for path in (model.checkpoint, model.program))
    mask = getattr(target, "mask", None)
    if isinstance(mask, Path):
        target = target.model_copy(update={"mask": folder / mask})
    return config.model_copy(
        update={
            "model": model.model_copy(update={"factory": factory, "checkpoint": checkpoint, "program": program}),
            "images": tuple(_absolute_image(image, folder) for image in config.images),
            "target": target,
            "methods": _absolute_paths(config.methods, folder),
            "execution": _absolute_scratch(config.execution, folder),
            "evaluation": _absolute_evaluation(config.evaluation, folder),
            "output": _output(config, folder),
        }
    )


def _absolute_scratch(execution: ExecutionConfig, folder: Path) -> ExecutionConfig:
    if execution.scratch is None:
        return execution
    return execution.model_copy(update={"scratch": folder / execution.scratch})


def _absolute_evaluation(evaluation: EvaluationConfig, folder: Path) -> EvaluationConfig:
    fields = ("metrics", "cascading_randomisation")
    return evaluation.model_copy(update={name: _absolute_paths(getattr(evaluation, name), folder) for name in fields})


def _output(config: RunConfig, folder: Path) -> Path:
    """The run folder; that of a shard, also where it was named before."""
    output, shard = folder / config.output, config.shard
    return output if shard is None or output.name == shard.folder else output / shard.folder


def _absolute_image(image: ImageConfig, folder: Path) -> ImageConfig:
    paths = tuple(folder / path for path in image.path)
    label = folder / image.label if image.label is not None else None
    return image.model_copy(update={"path": paths, "label": label})


def _absolute_paths(value: Any, folder: Path) -> Any:
    """Parameters of methods, with every text under a key `path` (of a baseline, say) made absolute."""
    if isinstance(value, Mapping):
        return {
            key: str(folder / item) if key == "path" and isinstance(item, str) else _absolute_paths(item, folder)
            for key, item in value.items()
        }
    return tuple(_absolute_paths(item, folder) for item in value) if isinstance(value, list | tuple) else value


def _paths_in(value: Any, where: str) -> Iterator[tuple[str, Path]]:
    """What `_absolute_paths` made absolute, by the path of the field."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "path" and isinstance(item, str):
                yield f"{where}.path", Path(item)
            else:
                yield from _paths_in(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _paths_in(item, f"{where}[{i}]")
