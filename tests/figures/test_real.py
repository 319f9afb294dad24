"""A real angiogram with its vessel mask."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from torchesegeta import figures
from torchesegeta.types import Image

from .support import attribution, pixels, words

DATA = os.environ.get("TORCHESEGETA_DATA")


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="TORCHESEGETA_DATA is not set")
def test_an_angiogram() -> None:
    folder = Path(DATA or "") / "mra"
    volume, mask = nibabel.load(folder / "MNI_0664_img.nii.gz"), nibabel.load(folder / "MNI_0664_msk.nii.gz")
    data, label = np.asarray(volume.dataobj, np.float32), np.asarray(mask.dataobj).astype(np.int64)
    image = Image(torch.from_numpy(data)[None], volume.affine, "MNI_0664", torch.from_numpy(label))
    figure = figures.draw(attribution((data * label)[None]), image, prediction=(data > 240).astype(int))
    assert pixels(figure).std() > 20
    assert "20 mm" in words(figure) and "label: class 1" in words(figure)
