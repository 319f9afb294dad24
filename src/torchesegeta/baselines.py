"""Baselines: the image that stands for "nothing there", by value, by name, from a file or as an array."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from torchesegeta.arrays import ArrayValue
from torchesegeta.draws import normal
from torchesegeta.errors import IncompatibleError, unknown
from torchesegeta.validation import Strict

_FIELDS = {
    "constant": ("value", True),
    "blur": ("sigma", False),
    "noise": ("sigma", False),
    "image": ("path", True),
    "array": ("array", True),
}
"""The field of each kind, and whether it must be given."""
KINDS = ("zero", "minimum", "background", "mean", "blur", "noise")


class Baseline(Strict):
    """What stands for "nothing there".

    Attributes:
        kind: `constant`; `zero`; `minimum`, `mean` and `background` (the median of the border), each per channel;
            `blur`, a Gaussian of `sigma` voxels; `noise`, Gaussian around the mean with `sigma` times the range;
            `image`, a file on the image's grid; `array`, from Python.
        value: The value of a `constant`.
        sigma: Of `blur` in voxels, of `noise` as a share of the image's range.
        path: The file of an `image`.
        array: The tensor of an `array`: (C, *spatial), or broadcast to it.
    """

    kind: Literal["constant", "zero", "minimum", "background", "mean", "blur", "noise", "image", "array"]
    value: float = 0.0
    sigma: float | None = Field(None, gt=0)
    path: Path | None = None
    array: ArrayValue | None = None

    @model_validator(mode="after")
    def _fields_of_kind(self) -> Baseline:
        field, needed = _FIELDS.get(self.kind, (None, False))
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        strange = given - {"kind", field}
        if strange:
            raise ValueError(f"a baseline of kind {self.kind!r} has no field {sorted(strange)[0]!r}")
        if needed and field not in given:
            raise ValueError(f"a baseline of kind {self.kind!r} needs the field {field!r}")
        return self

    @model_serializer(mode="wrap")
    def _short(self, full: SerializerFunctionWrapHandler) -> Any:
        """As a user would write it: a number, a name, or the fields that were set."""
        given = {name: value for name, value in full(self).items() if name in {"kind", *self.model_fields_set}}
        if self.kind == "constant":
            return self.value
        return self.kind if set(given) == {"kind"} and self.kind in KINDS else given

    def resolve(self, image: Tensor, *, seed: str = "") -> Tensor:
        """The baseline for an image.

        Args:
            image: (C, *spatial).
            seed: Key of the random draws of `noise`.

        Returns:
            (C, *spatial), on the image's device and in its dtype; to be read only, for a constant takes no memory.

        Raises:
            IncompatibleError: A file or array does not fit the image.
        """
        flat = image.flatten(1)
        shape = (-1,) + (1,) * (image.ndim - 1)
        match self.kind:
            case "constant" | "zero":
                return image.new_tensor(self.value if self.kind == "constant" else 0.0).expand_as(image)
            case "minimum":
                return flat.amin(1).view(shape).expand_as(image)
            case "mean":
                return flat.mean(1).view(shape).expand_as(image)
            case "background":
                return border_median(image).view(shape).expand_as(image)
            case "blur":
                return _blur(image, self.sigma or 5.0)
            case "noise":
                spread = (flat.amax(1) - flat.amin(1)).view(shape) * (self.sigma or 0.15)
                draw = normal(tuple(image.shape), f"baseline|{seed}", 0).to(image)
                return flat.mean(1).view(shape) + spread * draw
            case "image":
                from torchesegeta.inputs import read_image

                assert self.path is not None
                return self._fit(read_image(self.path).data, image)
            case "array":
                assert self.array is not None
                return self._fit(self.array.tensor, image)

    def _fit(self, value: Tensor, image: Tensor) -> Tensor:
        try:
            return value.to(image).expand_as(image).clone()
        except RuntimeError as error:
            raise IncompatibleError(
                f"baseline of shape {tuple(value.shape)} does not fit the image's {tuple(image.shape)}"
            ) from error


def border_median(image: Tensor) -> Tensor:
    """Median of each channel over the outermost voxels of (C, *spatial): (C,)."""
    inner = torch.ones(image.shape[1:], dtype=torch.bool, device=image.device)
    inner[tuple(slice(1, -1) for _ in range(image.ndim - 1))] = False
    return image[:, inner].median(1).values


def baseline_warning(baseline: Baseline, image: Tensor) -> str | None:
    """A warning where a constant baseline is not what the image shows at its border, else None."""
    if baseline.kind not in ("zero", "constant"):
        return None
    value = baseline.value if baseline.kind == "constant" else 0.0
    border = border_median(image)
    spread = float(image.max() - image.min())
    if spread == 0 or float((border - value).abs().max()) <= 0.02 * spread:
        return None
    shown = ", ".join(f"{float(b):.3g}" for b in border)
    return (
        f"the baseline {value:g} is not this image's background ({shown} at its border): {value:g} may be mid-grey, "
        "not nothing; consider the baseline 'background' or 'minimum'"
    )


def _blur(image: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    blurred = [gaussian_filter(channel.double().cpu().numpy(), sigma, mode="nearest") for channel in image]
    return torch.from_numpy(np.stack(blurred)).to(image)


def parse_baseline(value: Any) -> Any:
    """Accept a number, a name, a tensor or array, {"path": …}, or the fields of a `Baseline`."""
    if isinstance(value, bool):
        raise ValueError("expected a number, a name or an image, got a boolean")
    if isinstance(value, int | float):
        return {"kind": "constant", "value": value}
    if isinstance(value, str):
        if value not in KINDS:
            raise ValueError(unknown("baseline", value, KINDS))
        return {"kind": value}
    if isinstance(value, Tensor | np.ndarray):
        return {"kind": "array", "array": value}
    if isinstance(value, dict) and set(value) == {"path"}:
        return {"kind": "image", **value}
    return value


def parse_baselines(value: Any) -> Any:
    """Accept one baseline or several; a tensor's first axis counts them."""
    if isinstance(value, Tensor | np.ndarray):
        return tuple(parse_baseline(v) for v in value)
    if isinstance(value, list | tuple):
        return tuple(parse_baseline(v) for v in value)
    return (parse_baseline(value),)


BaselineField = Annotated[Baseline, BeforeValidator(parse_baseline)]
BaselinesField = Annotated[tuple[Baseline, ...], BeforeValidator(parse_baselines), Field(min_length=1)]
ZERO = Baseline(kind="zero")
