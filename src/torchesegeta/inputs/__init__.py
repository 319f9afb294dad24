"""Images in, maps out: files and arrays become `types.Image`, maps go back to the grid of the file.

What is read, and how (values are float32 afterwards):

| format | axes | values |
| --- | --- | --- |
| NIfTI `.nii`, `.nii.gz` | as in the file; one slice is 2D; further axes are channels | as stored, with slope |
| PNG, JPEG | (rows, columns); colours are channels | divided by the largest the file can hold: 0 to 1 |
| TIFF | pages are slices of a volume, colours are channels | as stored |
| NumPy `.npy`, `.npz` | `channels.to_channels_first`; three axes, the first longer than 4: a volume | as stored |
"""

from torchesegeta.inputs.channels import to_channels_first
from torchesegeta.inputs.geometry import file_keeps_all, from_file_grid, output_grid, resample, to_file_grid
from torchesegeta.inputs.maps import map_suffix, read_map, write_map
from torchesegeta.inputs.peek import Peek, check_size, peek
from torchesegeta.inputs.preprocess import Steps, build_transforms
from torchesegeta.inputs.read import as_image, read_image, read_label

__all__ = [
    "Peek",
    "Steps",
    "as_image",
    "build_transforms",
    "check_size",
    "file_keeps_all",
    "from_file_grid",
    "map_suffix",
    "output_grid",
    "peek",
    "read_image",
    "read_label",
    "read_map",
    "resample",
    "to_channels_first",
    "to_file_grid",
    "write_map",
]
