"""Where an array lies in the patient, and how its planes are turned for display.

Everything here works on three axes: a 2D image is a volume of one slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from nibabel import orientations
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from torchesegeta.types import Affine

Convention = Literal["radiological", "neurological"]
Array: TypeAlias = NDArray[Any]

NEGATIVE, POSITIVE = ("L", "P", "I"), ("R", "A", "S")


@dataclass(frozen=True)
class Plane:
    """One way to look at a volume: the axis looked along and how the other two lie on the picture.

    Attributes:
        name: "axial", "coronal", "sagittal", or "axis 0" without a place in space.
        normal: The axis looked along.
        rows: The axis that runs down the picture.
        columns: The axis that runs across it.
        flip_rows: Whether row 0 of the picture is the axis's last voxel.
        flip_columns: Whether column 0 is.
        marks: Letters at the left, right, top and bottom edge; axis names at left and top without a place in space.
    """

    name: str
    normal: int
    rows: int
    columns: int
    flip_rows: bool = False
    flip_columns: bool = False
    marks: tuple[str, str, str, str] = ("", "", "", "")

    def turn(self, picture: Array) -> Array:
        """Two axes in the volume's order, as they lie on the picture."""
        turned = picture if self.rows < self.columns else picture.T
        return turned[:: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def cut(self, volume: Array, index: int) -> Array:
        """The slice at an index along the normal axis."""
        return self.turn(np.take(volume, index, axis=self.normal))

    def place(self, voxel: Sequence[float], shape: Sequence[int]) -> tuple[float, float]:
        """Column and row of a voxel on the picture."""
        column, row = voxel[self.columns], voxel[self.rows]
        return (
            shape[self.columns] - 1 - column if self.flip_columns else column,
            shape[self.rows] - 1 - row if self.flip_rows else row,
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """The display grid of an image.

    Attributes:
        shape: Three axes; along the patient's right, anterior and superior where the image has a place in space.
        spacing: Voxel size along them, in millimetres (1 without a place in space).
        affine: Display voxels to millimetres, or None.
        planes: Axial, coronal, sagittal; or by axis number; one plane for a 2D image.
        turns: How an array of the image becomes one of the display grid (`nibabel.orientations`), or None.
        tilt: Largest angle in degrees between an axis of the image and the nearest anatomical one.
        unit: "mm", or what a step of 1 is called without spacing.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    affine: Affine | None
    planes: tuple[Plane, ...]
    turns: Array | None
    tilt: float
    unit: str

    def orient(self, array: Array) -> Array:
        """Bring a (*spatial) array of the image to the display grid: (3 axes), contiguous."""
        volume = array[..., None] if array.ndim == 2 else array
        if self.turns is not None:
            volume = orientations.apply_orientation(volume, self.turns)
        return np.ascontiguousarray(volume)

    def position(self, plane: Plane, index: int) -> str:
        """Where a slice lies, in words: "S 12 mm", or its index without a place in space."""
        if self.affine is None:
            return f"index {index}"
        voxel = (np.asarray(self.shape) - 1) / 2
        voxel[plane.normal] = index
        millimetres = float(apply_affine(self.affine, voxel)[plane.normal])
        rounded = round(millimetres, 1 if self.spacing[plane.normal] < 1 else 0)
        side = "" if rounded == 0 else (POSITIVE if rounded > 0 else NEGATIVE)[plane.normal] + " "
        return f"{side}{abs(rounded):g} mm"


def frame_of(shape: Sequence[int], affine: Affine | None, convention: Convention = "radiological") -> Frame:
    """The display grid for images of this shape and place.

    Args:
        shape: The spatial shape, two or three axes.
        affine: (4, 4), voxels to millimetres; None shows the array's own axes.
        convention: "radiological" puts the patient's left and anterior on the picture's right and left;
            "neurological" the other way round.

    Returns:
        The frame. Oblique images are shown along the nearest anatomical axes.
    """
    volume = (*shape, 1)[:3]
    if affine is None:
        return _plain(volume, flat=len(shape) == 2)
    turns = orientations.io_orientation(affine)
    order = np.argsort(turns[:, 0])
    display = np.asarray(affine @ orientations.inv_ornt_aff(turns, volume), dtype=np.float64)
    planes = _anatomical(convention)
    if len(shape) == 2:
        planes = tuple(plane for plane in planes if plane.normal == int(turns[2, 0]))
    spacing = np.linalg.norm(display[:3, :3], axis=0)
    cosines = np.abs(np.diag(display[:3, :3])) / spacing
    return Frame(
        shape=_three(volume[int(axis)] for axis in order),
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        affine=display,
        planes=planes,
        turns=turns,
        tilt=float(np.degrees(np.arccos(np.clip(cosines, 0, 1))).max()),
        unit="mm",
    )


def projected_along(frame: Frame, plane: Plane) -> int:
    """The axis of the image that a plane of the frame looks along."""
    return int(np.flatnonzero(frame.turns[:, 0] == plane.normal)[0]) if frame.turns is not None else plane.normal


def turned(frame: Frame, view: Array, plane: Plane) -> Array:
    """A projection along a plane's normal, its axes in the image's order, as it lies on the picture."""
    return plane.cut(frame.orient(np.expand_dims(view, projected_along(frame, plane))), 0)


def centre_of(weights: Array) -> tuple[int, int, int]:
    """The voxel nearest the centre of mass of weights that are not negative; the middle where all are 0."""
    found = []
    for axis, size in enumerate(weights.shape):
        profile = weights.sum(axis=tuple(other for other in range(3) if other != axis), dtype=np.float64)
        total = profile.sum()
        found.append(round(float(profile @ np.arange(size) / total)) if total > 0 else size // 2)
    return _three(found)


def _three(sizes: Any) -> tuple[int, int, int]:
    first, second, third = sizes
    return int(first), int(second), int(third)


def _plain(volume: Sequence[int], *, flat: bool) -> Frame:
    planes = (Plane("", 2, 0, 1, marks=("axis 0", "", "axis 1", "")),) if flat else tuple(_by_number())
    return Frame(_three(volume), (1.0, 1.0, 1.0), None, planes, None, 0.0, "pixels" if flat else "voxels")


def _by_number() -> list[Plane]:
    pairs = [(axis, *(other for other in range(3) if other != axis)) for axis in range(3)]
    return [Plane(f"axis {n}", n, r, c, marks=(f"axis {r}", "", f"axis {c}", "")) for n, r, c in pairs]


def _anatomical(convention: Convention) -> tuple[Plane, ...]:
    facing = convention == "radiological"
    sides = ("R", "L") if facing else ("L", "R")
    ends = ("A", "P") if facing else ("P", "A")
    return (
        Plane("axial", 2, 1, 0, True, facing, (*sides, "A", "P")),
        Plane("coronal", 1, 2, 0, True, facing, (*sides, "S", "I")),
        Plane("sagittal", 0, 2, 1, True, facing, (*ends, "S", "I")),
    )
