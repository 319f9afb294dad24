"""A plan: the model ready, an image read, every name checked, the jobs laid out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from torchesegeta.config import RunConfig
from torchesegeta.devices import device_names, torch_device
from torchesegeta.errors import ConfigError, EsegetaError, IncompatibleError, InputError, ModelError
from torchesegeta.executors import RayExecutor
from torchesegeta.inputs import build_transforms
from torchesegeta.jobs import Job, Task, any_rule, group
from torchesegeta.metrics import RepeatMetric, ScoreMetric
from torchesegeta.metrics.entries import Examination, WantedMetric, check_judged, group_metrics, parse_metrics
from torchesegeta.metrics.verdict_metrics import verdict_entries
from torchesegeta.models import load_model, load_program, model_dims
from torchesegeta.patches import image_dims
from torchesegeta.plan.checks import check_class_names, check_dimensions, check_distinct, check_named_layers
from torchesegeta.plan.images import PlannedImage, check_files, name_images, read_planned
from torchesegeta.sweeps import (
    ImageSet,
    LayerInfo,
    Optimise,
    PrecisionError,
    Runner,
    Session,
    Sweep,
    count_points,
    layer_by_default,
    patch_passes,
    prepared,
    probe_layers,
)
from torchesegeta.sweeps.capture import LayerName
from torchesegeta.sweeps.remedies import saying_what_to_try
from torchesegeta.sweeps.scratch import Scratch
from torchesegeta.targets import parse_target
from torchesegeta.tasks import Wanted, make_tasks, need_default_layer, parse_methods
from torchesegeta.types import Image


@dataclass
class Plan:
    """What a run will do.

    Attributes:
        config: The config, paths resolved.
        runner: The model, ready.
        images: In order, those of all shards.
        jobs: For each image.
        layers: Every layer of the model, in order of execution.
        first: Session of the first image that can be read and run, already bound by the probing pass.
        warnings: Of the whole run.
        spatial_dims: Of the model; None where it does not tell.
        counts: Points of sweeps over the first image, as far as they have been counted.
        examinations: What judges the maps, once those of an image are there.
        preparing: Seconds that reading the first image and the probing pass took.
        seconds: Seconds that planning took, with the loading of the model.
    """

    config: RunConfig
    runner: Runner
    images: list[PlannedImage]
    jobs: list[Job]
    layers: list[LayerInfo]
    first: Session
    warnings: list[str]
    spatial_dims: int | None
    counts: dict[Sweep, int] = field(default_factory=dict)
    examinations: list[Examination] = field(default_factory=list)
    preparing: float = 0.0
    seconds: float = 0.0

    def session(self, image: PlannedImage) -> Session:
        """The session of an image; reads it.

        Raises:
            InputError: It cannot be read.
        """
        if image.name == self.first.image.name:
            return self.first
        session = _session(self.config, self.runner, self._read(image), keep_output=self.first.keep_output)
        session.image_set = self.image_set
        return session

    @cached_property
    def own(self) -> list[PlannedImage]:
        """The images whose maps are made: all of them, or those of the shard."""
        shard = self.config.shard
        return [image for image in self.images if shard is None or shard.takes(image.number)]

    @cached_property
    def image_set(self) -> ImageSet:
        """Every image, also those of other shards, for methods that need the set."""
        return ImageSet([image.name for image in self.images], lambda number: self._read(self.images[number]))

    def _read(self, image: PlannedImage) -> Image:
        if image.name == self.first.image.name:
            return self.first.image
        return read_planned(image, self.config, self.spatial_dims)

    def passes(self, job: Job) -> dict[str, int]:
        """Forward and backward passes of a job, as counted for the first image: of patches, where there are any."""
        runs = 2 if self.config.agreement and job.half_safe else 1
        return {kind: runs * count for kind, count in self._passes_once(job).items()}

    def _passes_once(self, job: Job) -> dict[str, int]:
        bound, job = self.first.bound, self._pictured(job)
        targets, counts = len(bound.names) - len(bound.incompatible), [self.count(sweep) for sweep in job.sweeps]
        if self.first.tiling is None or job.at_patch_size:
            return job.passes(targets, counts)
        total = Counter(forward=0, backward=0)
        for number, (sweep, points) in enumerate(zip(job.sweeps, counts, strict=True)):
            whole = job.passes_of(number, targets, points)
            total.update(patch_passes(sweep, self.first, whole, points, job.reading(number)))
        return dict(total)

    def judged(self, examination: Examination) -> list[str]:
        """Labels of the methods whose maps an examination judges."""
        tasks = [task for job in self.jobs for task in job.tasks if task.method.shows == "map"]
        return [task.label for task in tasks if examination.judges(task.label)]

    @cached_property
    def score_passes(self) -> list[int]:
        """About how many passes each examination of one image takes; 0 where nothing can be run."""
        return [self._passes_of(one) for one in self.examinations]

    def _passes_of(self, examination: Examination) -> int:
        labels, first = self.judged(examination), examination.metrics[0].metric
        if isinstance(first, RepeatMetric):
            jobs = [replace(job, tasks=tuple(t for t in job.tasks if t.label in labels)) for job in self.jobs]
            once = sum(sum(self.passes(job).values()) for job in jobs if job.tasks)
            try:
                return len(first.variation().steps(self.first)[0]) * once
            except EsegetaError:
                return 0
        scored = [wanted.metric for wanted in examination.metrics if isinstance(wanted.metric, ScoreMetric)]
        maps, patches = len(labels) * len(self.first.bound.names), self.first.tiling.count if self.first.tiling else 1
        return sum(metric.points * (maps if metric.guided else 1) for metric in scored) * patches

    def pictures(self, task: Task, place: str | None) -> int | None:
        """How many pictures a task makes of a layer's channels; None: it is none that does, or nobody knows."""
        module = LayerName.parse(place or "").module
        channels = next((info.shapes[0][0] for info in self.layers if info.name == module and info.shapes), None)
        return task.method.pictures_of(channels)

    def _pictured(self, job: Job) -> Job:
        """A job with the number of pictures that its layers' channels make."""
        made = [self.pictures(task, place) for task in job.tasks for place in task.places]
        known = [count for count in made if count is not None]
        if not known:
            return job
        mean = max(1, round(sum(known) / len(known)))
        first, *further = (replace(s, pictures=mean) if isinstance(s, Optimise) else s for s in job.sweeps)
        return replace(job, sweep=first, further=tuple(further))

    def count(self, sweep: Sweep) -> int:
        """Points of a sweep over the first image; 0 where none can be made."""
        if sweep not in self.counts:
            try:
                self.counts[sweep] = count_points(sweep, self.first)
            except EsegetaError:
                self.counts[sweep] = 0
        return self.counts[sweep]


def check_config(config: RunConfig) -> None:
    """Check what needs neither the model nor an image: files, names of images and methods, device, preprocessing.

    Raises:
        ConfigError: Something does not exist or does not fit.
    """
    labels = [wanted.label for wanted in parse_methods(config.methods)]
    check_judged(wanted_metrics(config), labels, "evaluation.metrics")
    check_files(config)
    check_distinct("methods", labels)
    check_distinct("images", [image.name for image in name_images(config)])
    if config.shard is not None and config.shard.number > len(config.images):
        raise ConfigError(f"execution.shard: {str(config.shard)!r} has no image: there are {len(config.images)} in all")
    check_distinct("model.class_names", config.model.class_names)
    workers(config)
    if config.preprocess:
        build_transforms(config.preprocess)


def wanted_metrics(config: RunConfig) -> list[WantedMetric]:
    """The metrics of a config.

    Raises:
        ConfigError: One does not exist, or a parameter is wrong.
    """
    entries = config.evaluation.entries
    wanted = parse_metrics(entries, "evaluation.metrics") if entries else []
    if config.evaluation.verdict is None:
        return wanted
    return [*wanted, *parse_metrics(verdict_entries(wanted), "evaluation.verdict")]


def workers(config: RunConfig) -> list[str]:
    """The device of each worker; the first workers have different ones.

    On a cluster every worker has one of its own, which is its first; how many there are is known once it is reached.

    Raises:
        ConfigError: There is no such device.
    """
    execution = config.execution
    devices = device_names(execution.devices, where="execution.devices")
    if isinstance(execution.executor, RayExecutor):
        return devices[:1] * (execution.executor.workers or 1)
    return devices * execution.workers_per_device


def on_this_machine(config: RunConfig) -> RunConfig:
    """The config as it can be planned here: nodes of a cluster may have devices that this machine has not."""
    if not isinstance(config.execution.executor, RayExecutor):
        return config
    return config.model_copy(update={"execution": config.execution.model_copy(update={"devices": ("auto",)})})


def threads(config: RunConfig) -> int:
    """CPU threads of each worker: its share of this machine's, or those that a cluster reserves for it."""
    executor = config.execution.executor
    if isinstance(executor, RayExecutor):
        return executor.cpus_per_worker
    return max(1, torch.get_num_threads() // len(workers(config)))


@contextmanager
def planned(config: RunConfig, worker: int = 0) -> Iterator[Plan]:
    """Plan a run: check every name, load the model and an image, run a probing pass.

    The model is ready to run inside the context. An image that cannot be used costs its own maps, so the next one is
    probed instead.

    Args:
        config: The config, paths resolved.
        worker: Which of the run's workers the model is made ready for.

    Raises:
        ConfigError: Something in the config does not exist or does not fit.
        InputError: No image can be used; the reason is the first one's, which cannot be read.
        ModelError: The model cannot be built or loaded, or no image can be used: the model cannot run the first.
    """
    check_config(config)
    parsed, images = parse_methods(config.methods), name_images(config)
    begun = time.perf_counter()
    with _ready(config, worker) as (runner, dims, warnings), runner.at(config.precision):
        ready = time.perf_counter()
        session, layers, problems = _probe_first(config, parsed, runner, images, dims)
        warnings += [f"images[{number}] cannot be used: {problem}" for number, problem in enumerate(problems)]
        jobs = _lay_out(config, parsed, session, layers)
        plan = Plan(config, runner, images, jobs, layers, session, warnings, dims)
        plan.examinations = group_metrics(wanted_metrics(config))
        session.image_set = plan.image_set
        now = time.perf_counter()
        plan.preparing, plan.seconds = now - ready, now - begun
        yield plan


@contextmanager
def probed(config: RunConfig) -> Iterator[tuple[Runner, list[LayerInfo]]]:
    """The model, ready, and its layers, whatever target, methods and layers the config names.

    Raises:
        ConfigError: Something else in the config does not exist or does not fit.
        InputError: No image can be used.
        ModelError: The model cannot be built or loaded, or cannot run any image.
    """
    check_files(config)
    config = config.model_copy(update={"target": parse_target(None)})
    with _ready(config, 0) as (runner, dims, _):
        _, layers, _ = _probe_first(config, (), runner, name_images(config), dims)
        yield runner, layers


@contextmanager
def _ready(config: RunConfig, worker: int) -> Iterator[tuple[Runner, int | None, list[str]]]:
    """The model on a worker's device, its spatial axes where it tells, and what a user should know of it."""
    device = torch_device(workers(config)[worker])
    model, warnings = _load(config)
    with prepared(model, device, config.seed) as ready:
        runner = Runner(
            ready, device, config.model.info, config.model.output, sharing=config.execution.workers_per_device
        )
        yield runner, image_dims(config.patches, model_dims(model)), warnings


def _load(config: RunConfig) -> tuple[nn.Module, list[str]]:
    about = config.model
    try:
        if about.program is not None:
            return load_program(about.program), []
        assert about.factory is not None, "held by the config"
        return load_model(about.factory, about.arguments, about.checkpoint, seed=config.seed, folder=Path())
    except (ConfigError, ModelError) as error:
        raise type(error)(f"model: {error}") from error


def _session(config: RunConfig, runner: Runner, image: Image, *, keep_output: bool) -> Session:
    return Session(
        runner,
        image,
        config.target,
        seed=config.seed,
        chunk_size=config.execution.chunk_size,
        keep_output=keep_output,
        patches=config.patches,
        scratch=Scratch(_scratch_folder(config)),
    )


def _scratch_folder(config: RunConfig) -> Path:
    """Where volumes are put that memory does not hold: as close to the run's folder as there is one already."""
    if config.execution.scratch is not None:
        return config.execution.scratch
    return next(path for path in (config.output, *config.output.absolute().parents) if path.is_dir())


def _probe_first(
    config: RunConfig,
    parsed: Sequence[Wanted],
    runner: Runner,
    images: Sequence[PlannedImage],
    dims: int | None,
) -> tuple[Session, list[LayerInfo], list[EsegetaError]]:
    """One pass over the first image that can be used: it binds the target and shows the layers.

    Returns:
        The image's session, the layers, and why each image before it cannot be used.
    """
    problems: list[EsegetaError] = []
    ruled = any_rule(wanted.method for wanted in parsed)
    for image in images:
        try:
            session = _session(config, runner, read_planned(image, config, dims), keep_output=ruled)
            with saying_what_to_try(session):
                layers = _probe(parsed, session)
                session.try_precision()
            return session, layers, problems
        except PrecisionError:
            raise  # no image's fault
        except (InputError, ModelError) as error:
            problems.append(type(error)(str(error)))  # without its traceback, which keeps half-read files open
    field = "model." if str(problems[0]).startswith("output ") else "images[0]: "
    raise type(problems[0])(f"{field}{problems[0]}")


def _probe(parsed: Sequence[Wanted], session: Session) -> list[LayerInfo]:
    check_dimensions(parsed, session.image)
    try:
        return probe_layers(session)
    except IncompatibleError as error:
        raise ConfigError(str(error) if str(error).startswith("target") else f"target: {error}") from error


def _lay_out(config: RunConfig, parsed: Sequence[Wanted], session: Session, layers: list[LayerInfo]) -> list[Job]:
    """The jobs, once every name is known to exist."""
    check_class_names(config.model.class_names, layers)
    check_named_layers(config.layers, parsed, session)
    try:
        named = _layers(config, parsed, layers, session)
    except IncompatibleError as error:
        raise ConfigError(f"layers: {error}") from error
    return group(make_tasks(parsed, named))


def _layers(config: RunConfig, parsed: Sequence[Wanted], layers: list[LayerInfo], session: Session) -> list[str]:
    """The layers of methods that name none themselves."""
    if config.layers is not None:
        return list(config.layers)
    return [layer_by_default(session, layers)] if need_default_layer(parsed) else []
