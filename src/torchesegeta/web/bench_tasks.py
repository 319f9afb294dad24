"""What the bench does: each loads the model, or an image, as a run would."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchesegeta.config import RunConfig, parse_config
from torchesegeta.errors import EsegetaError
from torchesegeta.overview import layer_rows, plan_rows
from torchesegeta.plan import Plan, name_images, planned, probed
from torchesegeta.plan.images import read_planned
from torchesegeta.report.volumes import to_nifti
from torchesegeta.web.configs import Config
from torchesegeta.web.fields import by_field

log = logging.getLogger(__name__)

CHEAP = ["saliency"]
"""Stands for no methods: a plan needs one."""


def do(task: str, config: Config) -> tuple[bool, Any]:
    """Do a task.

    Returns:
        Whether it could be done, and the answer; or the refusal's sentence and fields.
    """
    try:
        return True, TASKS[task](config)
    except EsegetaError as error:
        return False, (str(error), by_field(str(error)))
    except Exception as error:
        log.exception("the bench could not %s", task)
        return False, (f"the model could not be run: {type(error).__name__}: {error}", {})


def _parse(config: Config) -> RunConfig:
    return parse_config(config, Path())


def _layers(config: Config) -> Any:
    with probed(_parse({**config, "methods": CHEAP})) as (runner, found):
        return layer_rows(runner.model, found)


def _plan(config: Config) -> Any:
    with planned(_parse(config)) as plan:
        return plan_rows(plan)


def _predict(config: Config) -> Any:
    """The predicted segmentation on the model's grid, or each class with its probability."""
    plain = {**config, "methods": CHEAP, "target": {"kind": "class"}, "layers": []}
    with planned(_parse(plain)) as plan:
        image, prediction = plan.first.image, plan.first.prediction
        if prediction is not None and tuple(prediction.shape) == image.shape:
            return to_nifti(prediction[None].float().numpy(), image.affine)
        classes = _classes(plan)
    every = {"kind": "class", "classes": list(range(len(classes))), "score": "probability"}
    with planned(_parse({**plain, "target": every})) as plan:
        shares = plan.first.scores.tolist()
    return {"classes": [{"name": n, "probability": p} for n, p in zip(classes, shares, strict=True)]}


def _classes(plan: Plan) -> list[str]:
    names = list(plan.config.model.class_names)
    sizes = [shape[0] for info in plan.layers if info.is_output for shape in info.shapes]
    return names or [str(number) for number in range(max(sizes, default=2))]


def _preview(config: Config) -> Any:
    """The first channel of the first image, as the model sees it."""
    parsed = _parse({**config, "methods": CHEAP})
    image = read_planned(name_images(parsed)[0], parsed, None)
    return to_nifti(image.data[:1].numpy(), image.affine)


TASKS: dict[str, Callable[[Config], Any]] = {
    "layers": _layers,
    "plan": _plan,
    "predict": _predict,
    "preview": _preview,
}
