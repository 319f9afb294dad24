"""What cannot be run patch by patch: refused by name, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from torchesegeta.errors import IncompatibleError
from torchesegeta.sweeps.base import Read, Request, Sweep
from torchesegeta.sweeps.foreign import Foreign
from torchesegeta.sweeps.gather import Gather
from torchesegeta.sweeps.mask import Mask
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
            "a layer's vectors cannot be gathered patch by patch: give an image that the model takes as a whole"
        )
    if isinstance(sweep, Mask) and sweep.layers:
        raise IncompatibleError(
            "masks made from a layer's channels cannot be made patch by patch: use a class activation map that reads "
            "gradients, such as 'gradcam'"
        )
    if isinstance(sweep, Foreign):
        raise IncompatibleError("methods of other libraries run the model as a whole, not patch by patch")
    whole = isinstance(sweep, Optimise)
    for request in requests:
        if request.error is None and (why := _why_not(request, whole)) is not None:
            request.error = IncompatibleError(why)


def _why_not(request: Request, whole: bool) -> str | None:
    if whole and (request.layer is not None or request.seed is not None):
        return "layers of a run over whole images cannot be watched patch by patch"
    if Read.CONTRAST in request.reads:
        return "winners at a layer are compared over the whole image and cannot be, patch by patch"
    if request.layer is not None and Read.INPUT_GRADIENT in request.reads:
        return "a method that reads a layer and the image together cannot be run patch by patch"
    return None
