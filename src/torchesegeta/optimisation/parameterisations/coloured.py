"""`Coloured`: channels that vary apart, mixed to those of the image and kept within its range (Olah et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from torchesegeta.arrays import ArrayValue, at_least_single
from torchesegeta.baselines import border_median
from torchesegeta.errors import IncompatibleError
from torchesegeta.optimisation.parameterisations.base import Blank, Canvas, Parameterisation
from torchesegeta.optimisation.parameterisations.colours import colour_matrix, imagenet

Colours = Literal["image", "imagenet", "none"] | ArrayValue
Limits = Literal["image", "none"] | tuple[float, float]
Start = Literal["mean", "middle", "background"]

EDGE = 0.05
"""Pictures start no nearer to a limit than this share of the range: at the limit itself nothing has a slope."""
INSIDE = 1e-4
"""Given pictures are moved this share of the range away from a limit."""


@dataclass(frozen=True)
class Coloured(Parameterisation):
    """Another parameterisation's values x as a picture low + (high − low) · sigmoid(start + M x) of the image's units.

    Attributes:
        under: What is coloured.
        colours: The matrix M: learnt from the image's channels in units of their range (see `colour_matrix`),
            ImageNet's, none, or given (C, C).
        limits: The range of each channel: the image's, none, or given for all channels. Without limits the picture is
            start + M x, in quarters of the image's range: the sigmoid's slope at its middle.
        start: The value that 0 stands for, in each channel: the image's `mean`, what a network meets on average, so
            that what is left unchanged looks neither like tissue nor like air; the `middle` of the range, as published
            for natural images, which would be grey all over for an image that is mostly black; or the median of the
            image's border, its `background`, so that what is not needed stays black.
    """

    under: Parameterisation
    colours: Colours = "image"
    limits: Limits = "image"
    start: Start = "mean"

    def begin(self, blank: Blank) -> Canvas:
        """See `Parameterisation.begin`.

        Raises:
            IncompatibleError: A channel of the image has no range, or the matrix does not fit the channels.
        """
        palette = self.palette(blank.image)
        image = at_least_single(blank.image)
        given = None if blank.given is None else palette.inverse(blank.given).to(image)
        canvas = self.under.begin(replace(blank, image=image, given=given))
        return ColouredCanvas(canvas, palette.to(image), blank.image.dtype)

    def palette(self, image: Tensor) -> Palette:
        """What the values of an image's pictures are made with, in float64."""
        plain = image.detach().double().cpu()
        flat = plain.flatten(1)
        if isinstance(self.limits, tuple):
            low, high = (flat.new_full((len(flat),), limit) for limit in self.limits)
        else:
            low, high = flat.amin(1), flat.amax(1)
            _check_range(low, high)
        span = high - low
        matrix = self._matrix((flat - low[:, None]) / span[:, None])
        start = self._start(plain, low, high)
        if self.limits == "none":
            return Palette(matrix, start, span / 4)
        share = ((start - low) / span).clamp(EDGE, 1 - EDGE)
        return Palette(matrix, low, span, share.logit())

    def _start(self, image: Tensor, low: Tensor, high: Tensor) -> Tensor:
        match self.start:
            case "mean":
                return image.flatten(1).mean(1)
            case "middle":
                return (low + high) / 2
            case "background":
                return border_median(image)

    def _matrix(self, shares: Tensor) -> Tensor | None:
        channels = len(shares)
        if self.colours == "none" or (channels == 1 and isinstance(self.colours, str)):
            return None
        if self.colours == "image":
            return colour_matrix([shares])
        matrix = self.colours.tensor.double() if isinstance(self.colours, ArrayValue) else imagenet()
        if tuple(matrix.shape) != (channels, channels):
            raise IncompatibleError(
                f"colours: a matrix {tuple(matrix.shape)} does not fit the image's channels: {channels}"
            )
        if int(torch.linalg.matrix_rank(matrix)) < channels:
            raise IncompatibleError("colours: the matrix has no inverse, so that some colours cannot be reached")
        return matrix


def _check_range(low: Tensor, high: Tensor) -> None:
    for channel, (bottom, top) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        if not bottom < top:
            raise IncompatibleError(
                f"channel {channel} of the image is {bottom:g} everywhere, which is no range of values for a picture: "
                "give the limits"
            )


@dataclass(frozen=True, eq=False)
class Palette:
    """The way from values that vary apart to an image's units, and back.

    Attributes:
        matrix: (C, C), or None where channels are not mixed.
        low: (C,), the lower limit; without limits the start.
        span: (C,), the range; without limits what a value of 1 adds.
        offset: (C,), added before the sigmoid; None without limits.
    """

    matrix: Tensor | None
    low: Tensor
    span: Tensor
    offset: Tensor | None = None

    def to(self, like: Tensor) -> Palette:
        """The same in a tensor's dtype and on its device."""
        parts = (self.matrix, self.low, self.span, self.offset)
        matrix, low, span, offset = (None if part is None else part.to(like) for part in parts)
        assert low is not None and span is not None
        return Palette(matrix, low, span, offset)

    def render(self, values: Tensor) -> Tensor:
        """(B, C, *spatial) in the image's units."""
        mixed = _mixed(self.matrix, values)
        if self.offset is not None:
            mixed = (mixed + _per_channel(self.offset, values)).sigmoid()
        return _per_channel(self.low, values) + _per_channel(self.span, values) * mixed

    def inverse(self, pictures: Tensor) -> Tensor:
        """The values whose pictures these are, in float64."""
        given = pictures.detach().double()
        mine = self.to(given)
        mixed = (given - _per_channel(mine.low, given)) / _per_channel(mine.span, given)
        if mine.offset is not None:
            mixed = mixed.clamp(INSIDE, 1 - INSIDE).logit() - _per_channel(mine.offset, given)
        return _mixed(None if mine.matrix is None else mine.matrix.inverse(), mixed)


def _mixed(matrix: Tensor | None, values: Tensor) -> Tensor:
    return values if matrix is None else torch.einsum("dc,bc...->bd...", matrix, values)


def _per_channel(numbers: Tensor, values: Tensor) -> Tensor:
    return numbers.view(-1, *(1,) * (values.ndim - 2))


class ColouredCanvas(Canvas):
    """Another canvas under a palette."""

    def __init__(self, under: Canvas, palette: Palette, dtype: torch.dtype) -> None:
        self.under, self.palette, self.dtype = under, palette, dtype
        self.parameters = under.parameters

    def render(self) -> Tensor:
        """See `Canvas.render`."""
        return self.palette.render(self.under.render()).to(self.dtype)

    def settle(self) -> None:
        """See `Canvas.settle`."""
        self.under.settle()
