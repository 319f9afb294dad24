"""The images of a run, read when they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from torchesegeta.types import Image

MOST = 2**30
"""Bytes of images that are kept, so that methods which take from many need not read each again and again."""


class ImageSet:
    """Every image of a run, by number.

    Args:
        names: Of the images, in order.
        read: Reads the image of a number.
        most: Bytes that are kept in memory, of those that were asked for last.
    """

    def __init__(self, names: Sequence[str], read: Callable[[int], Image], most: int = MOST) -> None:
        self.numbers = {name: number for number, name in enumerate(names)}
        self.read, self.most = read, most
        self._kept: OrderedDict[int, Image] = OrderedDict()
        self._bytes = 0

    @classmethod
    def of(cls, images: Sequence[Image]) -> ImageSet:
        """Images that are in memory anyway."""
        return cls([image.name for image in images], images.__getitem__, most=0)

    def instead(self, image: Image) -> ImageSet:
        """The same, with another image in place of the one of its name."""
        own = self.numbers.get(image.name)
        return ImageSet(list(self.numbers), lambda number: image if number == own else self[number], most=0)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, number: int) -> Image:
        """An image, kept for the next who asks as long as there is room.

        Raises:
            InputError: It cannot be read.
        """
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        image = self.read(number)
        if _size(image) <= self.most:
            self._kept[number] = image
            self._bytes += _size(image)
        while self._bytes > self.most:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return image


def _size(image: Image) -> int:
    return image.data.nbytes
