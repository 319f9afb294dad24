"""A map while the model's weights are drawn anew: the views that a score kept of every step, as they lie on a page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from torchesegeta.figures.frame import Array, Frame, frame_of, projected_along, turned
from torchesegeta.verdict import CASCADE, SIMILARITY
from torchesegeta.web.answers import CascadeStep, View
from torchesegeta.web.refusals import Refusal

DAMAGED = "what was kept of this cascade is gone or damaged"
BYTES = 4
"""Of a value."""


def is_cascade(score: Mapping[str, Any]) -> bool:
    """Whether a score's record is that of a cascade which kept its maps."""
    files = score.get("files")
    kept = isinstance(files, Mapping) and isinstance(files.get("arrays"), str)
    return score.get("metric_name") == CASCADE and kept and bool(score.get("steps"))


def cascade_step(path: Path, score: Mapping[str, Any], step: int, about: Mapping[str, Any], most: int) -> CascadeStep:
    """A step of a cascade.

    Args:
        path: The file of its views.
        score: The record of the score.
        step: From 0, the original model.
        about: The image's record in `run.json`, which says where it lies in space.
        most: Bytes that the values of a step may take.

    Raises:
        Refusal: There is no such step, or the file is damaged or too large.
    """
    steps = [str(name) for name in score["steps"]]
    if step >= len(steps):
        raise Refusal(404, f"this cascade has {len(steps)} steps, from 0 on; there is no step {step}")
    curve = (score.get("curves") or {}).get(SIMILARITY) or ()
    return CascadeStep(
        steps=steps,
        similarity=[_known(curve[n]) if n < len(curve) else None for n in range(len(steps))],
        views=_views(_read(path, step, most), about),
    )


def _known(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _read(path: Path, step: int, most: int) -> dict[str, Array]:
    """A step's views by name: `plane` of a flat map, `axis0` to `axis2` of a volume."""
    try:
        with safe_open(path, framework="numpy") as file:
            names = ["plane"] if "plane" in file.keys() else ["axis0", "axis1", "axis2"]  # noqa: SIM118
            slices = {name: file.get_slice(name) for name in names}
            shapes = [tuple(one.get_shape()) for one in slices.values()]
            if any(len(shape) != 3 or step >= shape[0] for shape in shapes):
                raise Refusal(404, DAMAGED)
            if sum(prod(shape[1:]) for shape in shapes) * BYTES > most:
                raise Refusal(413, "these views are larger than this server shows")
            return {name: np.nan_to_num(one[step].astype(np.float32)) for name, one in slices.items()}
    except (OSError, SafetensorError) as error:
        raise Refusal(404, DAMAGED) from error


def _views(read: Mapping[str, Array], about: Mapping[str, Any]) -> list[View]:
    if "plane" in read:
        return [_view("", read["plane"], (1.0, 1.0), ("",) * 4)]
    shape = (read["axis1"].shape[0], *read["axis0"].shape)
    frame = _frame(about, shape)
    scale = _scale(about, shape)
    views = []
    for plane in frame.planes:
        axes = frame.turns[:, 0].astype(int).tolist() if frame.turns is not None else [0, 1, 2]
        size = [frame.spacing[axis] * scale[axes.index(axis)] for axis in range(3)]
        picture = turned(frame, read[f"axis{projected_along(frame, plane)}"], plane)
        views.append(_view(plane.name, picture, (size[plane.columns], size[plane.rows]), plane.marks))
    return views


def _frame(about: Mapping[str, Any], shape: Sequence[int]) -> Frame:
    """How it lies in the viewer; by axis number where no place in space is known."""
    try:
        affine = np.asarray(about.get("affine"), dtype=float)
        if affine.shape == (4, 4) and np.isfinite(affine).all() and np.linalg.det(affine) != 0:
            return frame_of(shape, affine)
    except (TypeError, ValueError):
        pass
    return frame_of(shape, None)


def _scale(about: Mapping[str, Any], shape: Sequence[int]) -> list[float]:
    """Voxels of the image that one of the map covers, by axis: more than 1 in a layer's map."""
    image = about.get("shape")
    if not isinstance(image, list) or len(image) != len(shape) or not all(isinstance(size, int) for size in image):
        return [1.0] * len(shape)
    return [size / own for size, own in zip(image, shape, strict=True)]


def _view(name: str, picture: Array, spacing: tuple[float, float], marks: tuple[str, ...]) -> View:
    height, width = picture.shape
    values = base64.b64encode(np.ascontiguousarray(picture, dtype="<f4").tobytes()).decode()
    return View(name=name, width=width, height=height, spacing=spacing, marks=list(marks), values=values)
