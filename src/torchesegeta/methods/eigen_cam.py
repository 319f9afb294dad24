"""Eigen-CAM: the first principal component of a layer's activations (Muhammad & Yeasin 2020, arXiv:2008.00299)."""

from __future__ import annotations

import torch
from torch import Tensor

from torchesegeta.methods.base import Context
from torchesegeta.methods.cam import Cam, check_spatial, to_image_grid
from torchesegeta.methods.readouts import activation, single
from torchesegeta.methods.registry import register
from torchesegeta.sweeps import Read, Readout, Sample


@register("eigen_cam")
class EigenCam(Cam):
    """What a layer's activations vary most with; the same for every target."""

    title = "Eigen-CAM"
    source = "Muhammad & Yeasin 2020, arXiv:2008.00299"
    quantity = "first principal component of the activation"
    reads = Read.ACTIVATION

    def readout(self, context: Context) -> Readout:
        """(1, *spatial)."""

        def function(sample: Sample) -> Tensor:
            a = activation(sample)
            check_spatial(context.layer, a, context)
            cam = self.combine(a, a)
            cam = cam.relu() if self.relu else cam
            return to_image_grid(cam, context.shape, self.interpolation) if self.upsample else cam

        return single(function)

    def combine(self, a: Tensor, g: Tensor) -> Tensor:
        """Activations, each channel centred over space, projected onto their first right singular vector.

        The sign of a singular vector is arbitrary: it is chosen so that the map correlates with Σ_c a.
        """
        return torch.stack([_component(sample) for sample in a])


def _component(a: Tensor) -> Tensor:
    """First component of (C, *layer): (1, *layer)."""
    voxels = a.flatten(1).T.double()
    centred = voxels - voxels.mean(0)
    # The C × C covariance gives the same vector as a decomposition of voxels × C, without its memory.
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    scores = centred @ vectors[:, -1]
    total = centred.sum(1)
    sign = -1.0 if float(scores @ total) < 0 else 1.0
    component: Tensor = (sign * scores).to(a.dtype).view(1, *a.shape[1:])
    return component
