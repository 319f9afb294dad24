import numpy as np
import pytest

from torchesegeta.types import layer_affine


@pytest.mark.parametrize(
    ("image", "layer", "stride"), [(8, 4, 2), (9, 5, 2), (9, 4, 2), (10, 10, 1), (24, 22, 24 / 22)]
)
def test_layer_voxels_lie_at_the_middle_of_the_image_voxels_they_stand_for(
    image: int, layer: int, stride: float
) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = [10, 20, 30]
    placed = layer_affine(affine, (image, 6, 6), (layer, 6, 6))
    assert placed is not None
    first = placed @ [0, 0, 0, 1]
    assert np.allclose(first[:3], [10 + 2 * (stride - 1) / 2, 20, 30])
    assert np.isclose(placed[0, 0], 2 * stride)


def test_layer_without_the_axes_of_the_image_has_no_place() -> None:
    assert layer_affine(np.eye(4), (8, 8, 8), (16,)) is None
    assert layer_affine(None, (8, 8), (4, 4)) is None
