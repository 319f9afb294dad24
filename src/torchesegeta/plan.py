"""Config to validated jobs: everything a user can get wrong is found before anything runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from torchesegeta.config import ImageConfig, RunConfig
from torchesegeta.devices import model_dims, torch_device
from torchesegeta.errors import ConfigError, IncompatibleError, InputError, unknown
from torchesegeta.inputs import read_image
from torchesegeta.jobs import Job, group
from torchesegeta.methods import Method
from torchesegeta.models import load_model
from torchesegeta.sweeps import LayerInfo, Runner, Session, count_points, default_layer, prepared, probe_layers
from torchesegeta.sweeps.capture import check_layers
from torchesegeta.tasks import make_tasks, need_default_layer, parse_methods
from torchesegeta.types import Image


@dataclass(frozen=True)
class PlannedImage:
    """An image of the config, under the name it has in the run."""

    name: str
    config: ImageConfig


@dataclass
class Plan:
    """What a run will do.

    Attributes:
        config: The config, paths resolved.
        runner: The model, ready.
        images: In order.
        jobs: For each image.
        layers: Every layer of the model.
        first: The first image's session, already bound by the probing pass.
        warnings: Of the whole run.
        spatial_dims: Of the model; None where it does not tell.
    """

    config: RunConfig
    runner: Runner
    images: list[PlannedImage]
    jobs: list[Job]
    layers: list[LayerInfo]
    first: Session
    warnings: list[str]
    spatial_dims: int | None

    def session(self, image: PlannedImage) -> Session:
        """The session of an image; reads it.

        Raises:
            InputError: It cannot be read.
        """
        if image is self.images[0]:
            return self.first
        data = read_planned(image, self.config, self.spatial_dims)
        return make_session(self.config, self.runner, data, self.read_all)

    def read_all(self) -> list[Image]:
        """Every image, for methods that need the set."""
        return [
            self.first.image if image is self.images[0] else read_planned(image, self.config, self.spatial_dims)
            for image in self.images
        ]


@dataclass(frozen=True)
class Estimate:
    """What a job will cost, by the passes that were timed.

    Attributes:
        passes: Forward and backward passes.
        seconds: Wall time.
        memory: Bytes of the graph of one point, and what the readouts keep.
    """

    passes: dict[str, int]
    seconds: float
    memory: int


@contextmanager
def planned(config: RunConfig) -> Iterator[Plan]:
    """Plan a run: load the model and the first image, check every name, run one probing pass.

    The model is ready to run inside the context.

    Raises:
        ConfigError: Something in the config does not exist or does not fit.
        InputError: A file does not exist, or the first image cannot be read.
        ModelError: The model cannot be built or loaded, or cannot run the first image.
    """
    parsed = parse_methods(config.methods)
    device = torch_device(config.execution.devices[0])
    images = name_images(config)
    _check_files(config)
    model, warnings = load_model(
        config.model.factory,
        config.model.arguments,
        config.model.checkpoint,
        seed=config.seed,
        folder=Path(),
    )
    dims = model_dims(model)
    first = read_planned(images[0], config, dims)
    with prepared(model, device, config.seed) as ready:
        runner = Runner(ready, device, config.model.info, config.model.output)
        session = make_session(config, runner, first)
        try:
            layers = probe_layers(session)
            _check_names(config, parsed, session)
            jobs = group(make_tasks(parsed, _run_layers(config, parsed, layers, first)))
        except IncompatibleError as error:
            raise ConfigError(str(error)) from error
        plan = Plan(config, runner, images, jobs, layers, session, warnings, dims)
        session.image_set = plan.read_all
        yield plan


def make_session(
    config: RunConfig, runner: Runner, image: Image, image_set: Callable[[], Sequence[Image]] | None = None
) -> Session:
    """The session of an image under a config."""
    chunk_size = config.execution.chunk_size
    return Session(runner, image, config.target, seed=config.seed, chunk_size=chunk_size, image_set=image_set)


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


def name_images(config: RunConfig) -> list[PlannedImage]:
    """Names of images: given, or the first file's stem; numbered where they would be equal.

    Raises:
        ConfigError: A given name stands twice.
    """
    given = [i.name for i in config.images if i.name is not None]
    twice = {n for n in given if given.count(n) > 1}
    if twice:
        raise ConfigError(f"images: the name {sorted(twice)[0]!r} stands twice")
    names: list[str] = []
    for number, image in enumerate(config.images):
        stem = image.name or image.path[0].name.split(".")[0] or "image"
        names.append(stem if stem not in names and (image.name or stem not in given) else f"{stem}_{number}")
    return [PlannedImage(name, image) for name, image in zip(names, config.images, strict=True)]


def _check_files(config: RunConfig) -> None:
    """Every file of the config exists."""
    for number, image in enumerate(config.images):
        for path in (*image.path, *([image.label] if image.label else [])):
            if not path.is_file():
                near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
                where = f"images[{number}]: "
                raise InputError(
                    where
                    + (
                        unknown("file", path.name, near, where=f"in {path.parent}")
                        if near
                        else f"file {str(path)!r} does not exist"
                    )
                )


def _run_layers(
    config: RunConfig, parsed: Sequence[tuple[str, Method]], layers: Sequence[LayerInfo], image: Image
) -> list[str]:
    if config.layers is not None:
        return list(config.layers)
    return [default_layer(list(layers), image.spatial_dims)] if need_default_layer(parsed) else []


def _check_names(config: RunConfig, parsed: Sequence[tuple[str, Method]], session: Session) -> None:
    """Layers and classes that the config names exist."""
    model = session.runner.model
    for path, layers in [
        ("layers", config.layers),
        *((f"methods: {label}: layers", getattr(m, "layers", None)) for label, m in parsed),
    ]:
        try:
            check_layers(model, layers or ())
        except IncompatibleError as error:
            raise ConfigError(f"{path}: {error}") from error
    for label, method in parsed:
        if session.image.spatial_dims not in method.spatial_dims:
            raise ConfigError(
                f"methods: {label} works in {method.spatial_dims} dimensions, not {session.image.spatial_dims}"
            )


def estimate(plan: Plan) -> list[tuple[Job, Estimate]]:
    """What each job will cost for the first image: one forward and one backward pass are run and timed."""
    forward, backward, graph = _time_passes(plan.first)
    targets = len(plan.first.bound.names) - len(plan.first.bound.incompatible)
    results = []
    for job in plan.jobs:
        count = count_points(job.sweep, plan.first)
        reads = [task.method.reads_at(place) for task in job.tasks for place in task.places]
        passes = job.sweep.passes(targets, reads, count)
        seconds = passes["forward"] * forward + passes["backward"] * backward
        chunk = min(plan.first.chunks().size, count)
        results.append((job, Estimate(passes, seconds, graph * chunk + _kept(plan, job, targets))))
    return results


def _kept(plan: Plan, job: Job, targets: int) -> int:
    """Bytes of the maps that a job's readouts keep."""
    shapes = {info.name: info.shapes[0] for info in plan.layers if info.shapes}
    image = plan.first.data.numel()
    total = 0
    for task in job.tasks:
        for place in task.places:
            shape = shapes.get((place or "").split("#")[0].split(":")[0])
            total += image if place is None or shape is None else int(torch.Size(shape).numel())
    return 4 * total * max(1, targets)


def _time_passes(session: Session) -> tuple[float, float, int]:
    """Seconds of a forward and of a backward pass, and bytes of the graph between them."""
    stored: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        stored[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    bound = session.bound
    point = session.data[None].clone().requires_grad_(True)
    start = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        output = session.runner.forward(point, session.image.extras)
    score = bound.score(output).sum()
    middle = time.perf_counter()
    torch.autograd.grad(score, point, allow_unused=True)
    return middle - start, time.perf_counter() - middle, sum(stored.values())


def per_image(
    plan: Plan, finished: set[tuple[str, str]], crashes: Sequence[tuple[str, frozenset[str]]], image: str
) -> list[Job]:
    """The jobs left for an image.

    Args:
        plan: The plan.
        finished: (image, label) pairs that are done.
        crashes: (image, labels) of jobs that took their worker process down: they are tried again in halves.
        image: Name of the image.
    """
    jobs = []
    for job in plan.jobs:
        left = tuple(t for t in job.tasks if (image, t.label) not in finished)
        if left:
            jobs.extend(_split(replace(job, tasks=left), {labels for name, labels in crashes if name == image}))
    return jobs


def _split(job: Job, crashed: set[frozenset[str]]) -> list[Job]:
    if len(job.tasks) < 2 or frozenset(t.label for t in job.tasks) not in crashed:
        return [job]
    middle = len(job.tasks) // 2
    return [
        part for half in (job.tasks[:middle], job.tasks[middle:]) for part in _split(replace(job, tasks=half), crashed)
    ]
