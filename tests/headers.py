"""Files that say more than they hold."""

from __future__ import annotations

import nibabel
import numpy as np


def nifti(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """A NIfTI file that says it has a shape."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape(shape)
    header["magic"], header["vox_offset"] = b"n+1", 352
    start: bytes = header.binaryblock
    return start + b"\0" * 4 + content
