"""What cannot be run patch by patch: refused by name, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.base import Read, Request, Sweep
from torchesegeta.sweeps.gather import Gather
from torchesegeta.sweeps.optimise import Optimise


def check_patchwise(sweep: Sweep, requests: Sequence[Request]) -> None:
    """Mark requests that read what no patch can tell.

    Args:
        sweep: What they read.
        requests: What methods ask of it.

    Raises:
        IncompatibleError: The sweep itself is of that kind.
    """
    if isinstance(sweep, Gather):
        raise IncompatibleError(
            "a layer's vectors belong to places of an image, and each patch has its own: give an image "
            "that the model takes as a whole"
        )
    whole = isinstance(sweep, Optimise)
    for request in requests:
        if request.error is None and (why := _why_not(request, whole)) is not None:
            request.error = IncompatibleError(why)


def _why_not(request: Request, whole: bool) -> str | None:
    if whole and (request.layer is not None or request.seed is not None):
        return (
            "a picture of the whole image has no layer that could be watched, each patch has its own: give an image "
            "that the model takes as a whole, or one that pictures the model, such as 'feature_visualization'"
        )
    if request.layer is not None and Read.INPUT_GRADIENT in request.reads:
        return "a method that reads a layer and the image together cannot be run patch by patch"
    return None
