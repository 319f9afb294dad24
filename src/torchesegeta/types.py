"""The nouns of the framework: images, attributions, and the aliases for array shapes.

Nothing here runs a model, reads a file or draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Affine: TypeAlias = NDArray[np.float64]
"""(4, 4): voxel indices to millimetres, RAS+ as in NIfTI. A 2D image lies at index 0 of the third axis."""

Precision = Literal["float32", "amp", "bfloat16", "float16"]
"""Of passes: the weights as they are; autocast; or weights converted."""
Status = Literal["ok", "partial", "failed", "timeout", "incompatible"]
Space = Literal["image", "layer"]
Shows = Literal["map", "picture"]


@dataclass(frozen=True, eq=False)
class Grid:
    """A voxel grid and its place in space: what a map is resampled to.

    Attributes:
        shape: Number of voxels along each spatial axis.
        affine: Voxel indices to millimetres, or None for an image without a place in space.
        header: The NIfTI header of the file, so that its codes and units survive; None for other files.
    """

    shape: tuple[int, ...]
    affine: Affine | None = None
    header: Any = None


@dataclass(frozen=True, eq=False)
class Image:
    """An image as the model gets it.

    Attributes:
        data: (C, *spatial), float32, finite.
        affine: Place of the model's grid in space, or None.
        name: Tells the images of a run apart; also a folder name.
        label: (*spatial), integers: the reference segmentation on the same grid, or None.
        file_grid: The grid of the file the image came from, where it differs from the model's grid
            or carries a header; maps go back to it when they are written.
        extras: Further inputs of the model that travel with the image and are never explained; no batch axis.
        to_file: (4, 4): the model's voxel indices to the file's, for an image without a place in space whose grid was
            changed; with affines these tell it.
    """

    data: Tensor
    affine: Affine | None = None
    name: str = "image"
    label: Tensor | None = None
    file_grid: Grid | None = None
    extras: tuple[Tensor, ...] = ()
    to_file: Affine | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The spatial shape."""
        return tuple(self.data.shape[1:])

    @property
    def spatial_dims(self) -> int:
        """2 or 3."""
        return self.data.ndim - 1

    @property
    def spacing(self) -> tuple[float, ...]:
        """Voxel size along each spatial axis, in millimetres (1 without an affine)."""
        if self.affine is None:
            return (1.0,) * self.spatial_dims
        return tuple(float(s) for s in np.linalg.norm(self.affine[:3, : self.spatial_dims], axis=0))


@dataclass(eq=False)
class Attribution:
    """One map: a method's answer for one target, one image and, for layer methods, one layer.

    Attributes:
        method: Registry name of the method.
        label: The method's name in this run: the method's own, unless the user gave another.
        target: Name of what is explained (a class name, or its index as text); None where no target was read.
        target_index: Class index of the target, or None.
        layer: Dotted name of the layer, or None for a map in image space.
        image: Name of the image.
        values: (C, *spatial) in image space, or the layer's own shape without the batch axis; float32. None unless
            `status` is `ok` or `partial`.
        space: Whether `values` lie on the image's grid or on a layer's.
        affine: Place of `values` in space, or None.
        signed: Whether negative values carry meaning (drawn in a diverging scale).
        quantity: What is shown, as mathematics in words: "|∂score/∂x|".
        shows: Whether `values` are a map of the image, to be laid over it, or a picture of their own, whose shape need
            not be the image's.
        of_model: Whether it is of the model itself, so that no place of it is a place of the image.
        covers: Whether a picture lies over the whole image, though its shape is another.
        status: `ok`, `partial`, `failed`, `timeout` or `incompatible`.
        reason: Why there is no map, or why it is partial.
        seconds: Wall time of the sweep that made it; methods that share a sweep share the time.
        passes: Forward and backward passes of that sweep.
        warnings: What the reader of the map must know.
        parameters: The method's parameters, as in the config.
        measures: Figures computed with the map, such as `completeness_gap`.
        matched: How many operations of the model the sweep's rule took over, by name.
        retries: How often its sweep was tried before, with other methods that read it: it failed, or took its process
            down.
        precision: What the sweep ran in.
        peak_memory: Bytes at the peak of the sweep: of the GPU's memory, or of the process; None where unknown.
        arrays: What belongs to the map and is none itself, by name, such as the pictures on the way to it.
        draw: Draws it over its image; set by the Python API.
        maker: The method with its parameters; None for maps that were read from files.
        asked: What the call that made it asked for besides methods; set by the Python API.
    """

    method: str
    label: str
    target: str | None
    target_index: int | None
    layer: str | None
    image: str
    values: Tensor | None = None
    space: Space = "image"
    affine: Affine | None = None
    signed: bool = True
    quantity: str = ""
    shows: Shows = "map"
    of_model: bool = False
    covers: bool = False
    status: Status = "ok"
    reason: str | None = None
    seconds: float = 0.0
    passes: dict[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    matched: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    precision: Precision = "float32"
    peak_memory: int | None = None
    arrays: dict[str, Tensor] = field(default_factory=dict, repr=False)
    draw: Callable[..., Any] | None = field(default=None, repr=False)
    maker: Any = field(default=None, repr=False)
    asked: Any = field(default=None, repr=False)

    @property
    def has_map(self) -> bool:
        """Whether there are values."""
        return self.values is not None

    def plot(self, **options: Any) -> Any:
        """Draw the map over its image.

        Args:
            **options: As of `torchesegeta.figures.draw`.

        Returns:
            A matplotlib Figure.

        Raises:
            ValueError: There is no map, or its image is not at hand.
        """
        if self.values is None:
            raise ValueError(f"{self.label} has no map: {self.status}, {self.reason}")
        if self.draw is None:
            raise ValueError("the image of this map is not at hand; call torchesegeta.figures.draw(map, image)")
        return self.draw(self, **options)

    @property
    def key(self) -> tuple[str, str, str | None, str | None]:
        """(image, label, layer, target): unique within a run."""
        return (self.image, self.label, self.layer, self.target)


@dataclass(eq=False)
class Score:
    """What a metric says of one map.

    Attributes:
        method: Registry name of the map's method.
        label: The method's name in the run.
        target: Name of what the map explains, or None.
        target_index: Class index of the target, or None.
        layer: Layer of the map, or None.
        image: Name of the image.
        metric: The metric's name among the others: its registry name, unless the user gave another.
        metric_name: Its registry name.
        value: The metric's main figure; None unless `status` is `ok`.
        measures: Its further figures, by name.
        steps: Names of the steps that `curves` run over, in order.
        curves: A figure for each step, by name.
        status: `ok`, `failed`, `timeout` or `incompatible`.
        reason: Why there is no value.
        seconds: Wall time; of what maps and metrics shared, the whole.
        passes: Forward and backward passes, counted in the same way.
        warnings: What its reader must know.
        parameters: The metric's, as in the config.
        arrays: What figures of it are drawn from, by name.
    """

    method: str
    label: str
    target: str | None
    target_index: int | None
    layer: str | None
    image: str
    metric: str
    metric_name: str
    value: float | None = None
    measures: dict[str, float] = field(default_factory=dict)
    steps: Sequence[str] = ()
    curves: dict[str, list[float]] = field(default_factory=dict)
    status: Status = "ok"
    reason: str | None = None
    seconds: float = 0.0
    passes: dict[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Tensor] = field(default_factory=dict, repr=False)


def covering_affine(affine: Affine | None, image_shape: Sequence[int], shape: Sequence[int]) -> Affine | None:
    """Place of a grid of another size that covers the same field as an image, edge to edge.

    Args:
        affine: The image's.
        image_shape: Spatial shape of the image.
        shape: Spatial shape of the grid.

    Returns:
        The grid's affine, or None where the image has none.
    """
    if affine is None:
        return None
    return _coarser(affine, [a / b for a, b in zip(image_shape, shape, strict=True)])


def _coarser(affine: Affine, strides: Sequence[float]) -> Affine:
    """A · scale(s) · shift((s − 1) / 2)."""
    factors = np.array([*strides, *[1.0] * (3 - len(strides))])
    step = np.eye(4)
    step[:3, :3] = np.diag(factors)
    step[:3, 3] = (factors - 1) / 2
    return np.asarray(affine, dtype=np.float64) @ step


def layer_affine(affine: Affine | None, image_shape: Sequence[int], layer_shape: Sequence[int]) -> Affine | None:
    """Place of a layer's grid in space: A · scale(s) · shift((s − 1) / 2) for stride s.

    The stride is a whole number where one explains the two sizes (9 voxels to 5, or to 4, is a stride of 2); otherwise
    it is their ratio.

    Args:
        affine: The image's.
        image_shape: Spatial shape of the image.
        layer_shape: Spatial shape of the layer's output, with as many axes.

    Returns:
        The layer's affine, or None where the image has none or the layer has no such axes.
    """
    if affine is None or len(image_shape) != len(layer_shape):
        return None
    return _coarser(affine, [_stride(a, b) for a, b in zip(image_shape, layer_shape, strict=True)])


def _stride(image: int, layer: int) -> float:
    whole = max(1, round(image / layer))
    return float(whole) if layer in (image // whole, -(-image // whole)) else image / layer
