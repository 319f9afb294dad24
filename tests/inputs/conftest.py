from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from torchesegeta.types import Affine

SaveNifti: TypeAlias = Callable[..., Path]


@pytest.fixture
def oblique() -> Affine:
    """0.7 / 0.5 / 1.2 mm, LAS-like, tilted, with values that float32 keeps."""
    angle = np.deg2rad(8)
    tilt = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([-0.7, 0.5, 1.2])
    affine[:3, 3] = [30.25, -20.5, 7.125]
    return np.asarray(affine.astype(np.float32), dtype=np.float64)


@pytest.fixture
def noise() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(1, 1000, (9, 10, 12)).astype(np.int16)


@pytest.fixture
def save_nifti(tmp_path: Path) -> SaveNifti:
    def save(name: str, values: NDArray[Any], affine: Affine, qform: int = 1, sform: int = 2) -> Path:
        image = nibabel.Nifti1Image(values, affine)
        image.set_qform(affine, code=qform)
        image.set_sform(affine, code=sform)
        image.header.set_xyzt_units("mm", "sec")
        nibabel.save(image, tmp_path / name)
        return tmp_path / name

    return save
