"""What scripts and notebooks call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.export import ExportedProgram

from torchesegeta.attributions import Attributions
from torchesegeta.bars import Bar
from torchesegeta.devices import torch_device
from torchesegeta.errors import ConfigError, InputError, unknown
from torchesegeta.inputs import as_image
from torchesegeta.jobs import any_rule, group, jobs_for
from torchesegeta.metrics.entries import Examination, check_judged, group_metrics, parse_metrics
from torchesegeta.metrics.running import examine
from torchesegeta.models import as_module, model_dims
from torchesegeta.patches import Patches, image_dims
from torchesegeta.plan.checks import check_layer_names
from torchesegeta.precise import run_precisely
from torchesegeta.store import describe as describe_map
from torchesegeta.store import describe_score
from torchesegeta.sweeps import ImageSet, Runner, Session, layer_by_default, prepared, probe_layers
from torchesegeta.targets import OutputInfo, Target, parse_target
from torchesegeta.targets.base import Activation
from torchesegeta.tasks import Entry, Wanted, make_tasks, need_default_layer, parse_methods
from torchesegeta.types import Attribution, Image, Precision, Score
from torchesegeta.validation import check_agreement, describe
from torchesegeta.verdict import Thresholds, Verdict, judge

ImageLike = Image | Tensor | NDArray[Any] | Path | str


def explain(
    model: nn.Module | ExportedProgram,
    image: ImageLike | Sequence[ImageLike],
    methods: Entry | Sequence[Entry],
    target: int | str | Sequence[int | str] | Mapping[str, Any] | None = None,
    layers: str | Sequence[str] | None = None,
    device: str | torch.device = "cpu",
    precision: Precision = "float32",
    seed: int = 0,
    patches: Patches | Mapping[str, Any] | None = None,
    *,
    output: int | str | None = None,
    activation: Activation | None = None,
    class_names: Sequence[str] = (),
    chunk_size: int | None = None,
    progress: bool | None = None,
    agreement: bool = False,
) -> Attributions:
    """Explain a model's answer for an image.

    Methods that read the same passes share them. The model comes back as it was.

    Args:
        model: The model; any mode, on any device. Programs of `torch.export` and TorchScript show less of themselves;
            a method that needs more is refused at its own maps.
        image: (C, *spatial) or (1, C, *spatial) as tensor or array, a `torchesegeta.Image`, or a path; or a list of
            them, which are then told apart by the maps' `.image`.
        methods: Names, or mappings with a `name`, parameters, and a `label` where a name stands twice; one alone needs
            no list.
        target: A class index or name, a list of them, or a mapping such as `{"kind": "multiclass", "classes": [1]}`;
            None: the predicted class, in a segmentation every class predicted somewhere.
        layers: Dotted names for the layer methods; None: the deepest layer at the lowest resolution.
        device: Where to run.
        precision: Of the passes: `float32` leaves the weights as they are, `amp` is autocast, `bfloat16` and `float16`
            convert the weights for the time of the call. Scores and sums are float32; what is NaN or infinite is done
            again in float32 and says so.
        seed: Of every random draw.
        patches: Run the image patch by patch, as `{"size": [64, 64, 64], "overlap": 0.5, "blend": "gaussian"}`, or a
            two-dimensional model over a volume slice by slice, as `{"axis": 2}`; None: as a whole.
        output: Which of several outputs to explain, by index or key.
        activation: What turns the raw output into probabilities: `softmax`, `sigmoid` or `none`.
        class_names: One per class.
        chunk_size: Points of a sweep run at once; None chooses.
        progress: Whether a bar shows how far the sweeps are; None: in notebooks.
        agreement: Run in float32 too, and measure how well the maps agree.

    Returns:
        The maps; those that failed have no values but a status and a reason.

    Raises:
        ConfigError: A method, parameter, layer, target, device or precision that does not exist.
        InputError: The image cannot be used.
        ModelError: The model cannot run the image.
        IncompatibleError: A layer is to be chosen, and none has spatial axes or the target does not fit the output.
    """
    _check_precision(precision, agreement)
    parsed = parse_methods([methods] if isinstance(methods, str | Mapping) else methods)
    layers = [layers] if isinstance(layers, str) else layers
    wanted, model, cut = _target(target), as_module(model), _patches(patches)
    asked = Asked(wanted, OutputInfo(activation, tuple(class_names)), output, precision, seed, cut, chunk_size)
    images = _images(image, image_dims(cut, model_dims(model)))
    session = partial(asked.session, images=images, keep_output=any_rule(wanted.method for wanted in parsed))
    with prepared(model, torch_device(device), seed) as ready, Bar(progress) as bar:
        runner = Runner(ready, torch_device(device), asked.info, output)
        check_layer_names(ready, layers, parsed)
        with runner.at(precision):
            maps = [
                one
                for number, item in enumerate(images)
                for one in _explain_one(session(runner, item), parsed, layers, bar, agreement, first=number == 0)
            ]
    for one in maps:
        one.asked = asked
    return Attributions(maps, {item.name: item for item in images})


def evaluate(
    model: nn.Module | ExportedProgram,
    image: ImageLike | Sequence[ImageLike],
    maps: Attribution | Sequence[Attribution],
    metrics: Entry | Sequence[Entry],
    target: int | str | Sequence[int | str] | Mapping[str, Any] | None = None,
    device: str | torch.device = "cpu",
    *,
    progress: bool | None = None,
    **asked: Any,
) -> list[Score]:
    """Judge maps: are they faithful, stable, where they should be, and do they depend on the model at all?

    What several metrics or maps need of the model is run once. The model comes back as it was.

    Args:
        model: The model that the maps explain.
        image: The image that they explain, or a list of them, told apart by their names.
        maps: Of `explain`, or loaded.
        metrics: Names, or mappings with a `name`, parameters, and a `label` where a name stands twice.
        target: As of `explain`; None: what the maps were made for. Loaded maps do not say it.
        device: Where to run.
        progress: Whether a bar shows how far it is; None: in notebooks.
        **asked: `precision`, `seed`, `patches`, `output`, `activation`, `class_names`, `chunk_size` as of `explain`;
            left out: as the maps were made.

    Returns:
        A score for every metric and map; those without a value have a status and a reason.

    Raises:
        ConfigError: A metric or parameter that does not exist, a map of another image, or no target.
        InputError: The image cannot be used.
        ModelError: The model cannot run the image.
        IncompatibleError: The target does not fit the output.
    """
    wanted = parse_metrics([metrics] if isinstance(metrics, str | Mapping) else metrics)
    maps = [maps] if isinstance(maps, Attribution) else list(maps)
    settings, model = _asked(maps, target, asked), as_module(model)
    images = _images(image, image_dims(settings.patches, model_dims(model)))
    _check_images(maps, images)
    check_judged(wanted, {one.label for one in maps})
    jobs = group_metrics(wanted)
    with prepared(model, torch_device(device), settings.seed) as ready, Bar(progress) as bar:
        runner = Runner(ready, torch_device(device), settings.info, settings.output)
        with runner.at(settings.precision):
            return [
                one for item in images for one in _evaluate_one(settings.session(runner, item, images), maps, jobs, bar)
            ]


def verdicts(
    scores: Sequence[Score], maps: Sequence[Attribution] = (), thresholds: Thresholds | Mapping[str, Any] | None = None
) -> list[Verdict]:
    """What scores say of each method in plain words: does it depend on the weights, is it stable, faithful, complete?

    Args:
        scores: Of `evaluate`. The questions are answered by `cascading_randomisation`, `sensitivity`, and `deletion`
            and `insertion` with the `chance` of each; what is left out is not tested.
        maps: The maps; methods that report a completeness gap with theirs are held to it.
        thresholds: From where on an answer is yes, weak or no, such as `{"stable_yes": 0.2}`.

    Returns:
        A verdict per method and layer, those with the fewest complaints first, with places within each question.

    Raises:
        ConfigError: A threshold does not exist or is out of order.
    """
    try:
        limits = Thresholds.model_validate(thresholds or {})
    except ValidationError as error:
        raise ConfigError(describe(error, "thresholds")) from error
    return judge([describe_score(one) for one in scores], [describe_map(one) for one in maps], limits)


def _evaluate_one(
    session: Session, maps: Sequence[Attribution], jobs: Sequence[Examination], bar: Bar
) -> Iterator[Score]:
    mine = [one for one in maps if one.image == session.image.name]
    for number, job in enumerate(jobs if mine else (), 1):
        bar.job(f"[{number}/{len(jobs)}] {session.image.name}: {', '.join(w.label for w in job.metrics)}")
        yield from examine(job, session, mine, bar.progress)


@dataclass(frozen=True)
class Asked:
    """What maps were made with, besides methods.

    Attributes:
        target: What they explain.
        info: What is known of the model's output.
        output: Which of several outputs.
        precision: Of the passes.
        seed: Of every draw.
        patches: How images are run patch by patch, or None.
        chunk_size: Points of a sweep run at once; None chooses.
    """

    target: Target
    info: OutputInfo
    output: int | str | None = None
    precision: Precision = "float32"
    seed: int = 0
    patches: Patches | None = None
    chunk_size: int | None = None

    def session(self, runner: Runner, image: Image, images: Sequence[Image], *, keep_output: bool = False) -> Session:
        """The session of one of several images."""
        return Session(
            runner,
            image,
            self.target,
            seed=self.seed,
            chunk_size=self.chunk_size,
            image_set=ImageSet.of(images),
            keep_output=keep_output,
            patches=self.patches,
        )


def _asked(maps: Sequence[Attribution], target: Any, given: Mapping[str, Any]) -> Asked:
    """What the maps were made with, and what is asked for instead."""
    allowed = ("precision", "seed", "patches", "output", "activation", "class_names", "chunk_size")
    for name in given:
        if name not in allowed:
            raise ConfigError(unknown("argument", name, allowed))
    made = _made_with(maps)
    if made is None and target is None:
        raise ConfigError("target: these maps do not say what they explain; give the target they were made for")
    made = Asked(_target(target), OutputInfo()) if made is None else made
    changed: dict[str, Any] = {n: v for n, v in given.items() if n not in ("activation", "class_names", "patches")}
    if target is not None:
        changed["target"] = _target(target)
    if "patches" in given:
        changed["patches"] = _patches(given["patches"])
    activation, names = given.get("activation", made.info.activation), given.get("class_names", made.info.class_names)
    _check_precision(given.get("precision", made.precision), agreement=False)
    return replace(made, info=OutputInfo(activation, tuple(names)), **changed)


def _made_with(maps: Sequence[Attribution]) -> Asked | None:
    """What maps were made with, as far as they say it.

    Raises:
        ConfigError: They were not all made with the same.
    """
    said: list[Asked] = [one.asked for one in maps if one.asked is not None]
    for other in said[1:]:
        differing = [f.name for f in fields(Asked) if getattr(other, f.name) != getattr(said[0], f.name)]
        if differing:
            raise ConfigError(f"maps: they were made with more than one {differing[0]}; evaluate them apart")
    return said[0] if said else None


def _check_images(maps: Sequence[Attribution], images: Sequence[Image]) -> None:
    names = [image.name for image in images]
    for one in maps:
        if one.image not in names:
            raise ConfigError(f"maps: {one.label!r} is of another image; {unknown('image', one.image, names)}")


def _explain_one(
    session: Session,
    parsed: Sequence[Wanted],
    layers: Sequence[str] | None,
    bar: Bar,
    agreement: bool,
    *,
    first: bool,
) -> Iterator[Attribution]:
    if layers is None:
        layers = ()
        if need_default_layer(parsed):
            layers = [layer_by_default(session, probe_layers(session))]
    jobs = jobs_for(group(make_tasks(parsed, layers)), first=first)
    for number, job in enumerate(jobs, 1):
        more = f" and {len(job.tasks) - 1} more" if len(job.tasks) > 1 else ""
        bar.job(f"[{number}/{len(jobs)}] {session.image.name}: {job.tasks[0].label}{more}")
        for result in run_precisely(job, session, bar.progress, agreement=agreement):
            result.draw = _Drawer(session)
            yield result


class _Drawer:
    """Draws a map over the image it explains."""

    def __init__(self, session: Session) -> None:
        self.image, self.class_names = session.image, session.runner.info.class_names
        self.prediction = session.prediction

    def __call__(self, attribution: Attribution, **options: Any) -> Any:
        from torchesegeta.figures import draw
        from torchesegeta.methods import methods

        prediction = self.prediction.numpy() if self.prediction is not None and self.prediction.ndim else None
        known = methods().get(attribution.method)
        given = {"title": known.title if known is not None else None, "class_names": self.class_names, **options}
        return draw(attribution, self.image, prediction=prediction, **given)


def _check_precision(precision: object, agreement: bool) -> None:
    try:
        known = TypeAdapter[Precision](Precision).validate_python(precision)
    except ValidationError as error:
        raise ConfigError(describe(error, "precision")) from error
    try:
        check_agreement(known, agreement)
    except ValueError as error:
        raise ConfigError(f"agreement: {error}") from error


def _target(value: Any) -> Target:
    try:
        return parse_target(dict(value) if isinstance(value, Mapping) else value)
    except ValidationError as error:
        raise ConfigError(describe(error, "target")) from error


def _patches(value: Patches | Mapping[str, Any] | None) -> Patches | None:
    if value is None or isinstance(value, Patches):
        return value
    try:
        return Patches.model_validate(dict(value) if isinstance(value, Mapping) else value)
    except ValidationError as error:
        raise ConfigError(describe(error, "patches")) from error


def _images(value: ImageLike | Sequence[ImageLike], dims: int | None) -> list[Image]:
    if isinstance(value, Image | Tensor | np.ndarray | Path | str):
        return [as_image(value, spatial_dims=dims)]
    read = [as_image(v, spatial_dims=dims) for v in value]
    if not read:
        raise InputError("image: the list is empty; give at least one")
    names = [i.name for i in read]
    if len(set(names)) == len(names):
        return read
    return [as_image(i, name=f"{i.name}_{n}", spatial_dims=dims) for n, i in enumerate(read)]
