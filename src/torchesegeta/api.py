"""What scripts and notebooks call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from torchesegeta.errors import ConfigError, InputError
from torchesegeta.inputs import as_image
from torchesegeta.jobs import any_rule, group, jobs_for
from torchesegeta.models import as_module, model_dims
from torchesegeta.patches import Patches, image_dims
from torchesegeta.plan.checks import check_layer_names
from torchesegeta.precise import run_precisely
from torchesegeta.sweeps import Runner, Session, layer_by_default, prepared, probe_layers
from torchesegeta.targets import OutputInfo, Target, parse_target
from torchesegeta.targets.base import Activation
from torchesegeta.tasks import Entry, Wanted, make_tasks, need_default_layer, parse_methods
from torchesegeta.types import Attribution, Image, Precision
from torchesegeta.validation import check_agreement, describe

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
    info = OutputInfo(activation, tuple(class_names))
    images = _images(image, image_dims(cut, model_dims(model)))
    session = partial(
        Session,
        target=wanted,
        seed=seed,
        chunk_size=chunk_size,
        image_set=lambda: images,
        each_image=[partial(_same, item) for item in images],
        keep_output=any_rule(wanted.method for wanted in parsed),
        patches=cut,
    )
    with prepared(model, torch_device(device), seed) as ready, Bar(progress) as bar:
        runner = Runner(ready, torch_device(device), info, output)
        check_layer_names(ready, layers, parsed)
        with runner.at(precision):
            maps = [
                one
                for number, item in enumerate(images)
                for one in _explain_one(session(runner, item), parsed, layers, bar, agreement, first=number == 0)
            ]
    return Attributions(maps, {item.name: item for item in images})


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
        given = {"title": methods()[attribution.method].title, "class_names": self.class_names, **options}
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


def _same(image: Image) -> Image:
    return image


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
