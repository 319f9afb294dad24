"""Which files the browser may name, and how: nothing outside the given folders, whatever a reference says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torchesegeta.errors import InputError
from torchesegeta.inputs import peek
from torchesegeta.inputs.formats import FORMATS
from torchesegeta.ledger import within
from torchesegeta.web.answers import ImageRef, Listing
from torchesegeta.web.refusals import Refusal

UPLOAD, FOLDER, EXAMPLE = "u", "f", "m"
"""First parts of references: to an upload, to a file of a served folder, to an example of the catalogue."""
MOST_LISTED = 2000
"""Images of a folder that are listed."""


class Places:
    """The files that can be referred to.

    Args:
        folders: Those served.
        uploads: The folder of uploads.
        examples: Images and labels of the catalogue, by reference.
    """

    def __init__(self, folders: Sequence[Path], uploads: Path, examples: dict[str, Path]) -> None:
        self.folders = [folder.resolve() for folder in folders]
        self.uploads, self.examples = uploads.resolve(), examples

    def path(self, ref: str) -> Path:
        """The file of a reference.

        Raises:
            Refusal: There is none.
        """
        kind, _, rest = ref.partition("/")
        found = self.examples.get(ref)
        if kind == UPLOAD:
            found = self._uploaded(rest)
        elif kind == FOLDER:
            number, _, name = rest.partition("/")
            found = self._inside(number, name)
        if found is None or not found.is_file():
            raise Refusal(404, f"there is no file {ref!r} here")
        return found

    def ref(self, path: Path) -> str | None:
        """The reference to a file; None for one that is not to be seen."""
        try:
            whole = path.resolve()
        except OSError:
            return None
        for ref, example in self.examples.items():
            if example.resolve() == whole:
                return ref
        if whole.is_relative_to(self.uploads) and len(whole.relative_to(self.uploads).parts) == 2:
            return f"{UPLOAD}/{whole.parent.name}"
        for number, folder in enumerate(self.folders):
            if whole.is_relative_to(folder) and not is_hidden(whole.relative_to(folder)):
                return f"{FOLDER}/{number}/{whole.relative_to(folder).as_posix()}"
        return None

    def list(self, folder: str) -> Listing:
        """The images of a served folder, and the folders in it; without a name those served.

        Raises:
            Refusal: There is no such folder.
        """
        if not folder:
            return Listing(folders=[f"{i}/{f.name}" for i, f in enumerate(self.folders)], images=[])
        number, _, name = folder.partition("/")
        top = self._top(number)
        inside = name.partition("/")[2]
        place = self._inside(number, inside) if top is not None and name.partition("/")[0] == top.name else None
        if place is None or not place.is_dir():
            raise Refusal(404, f"there is no folder {folder!r} here")
        entries = sorted(_visible(place), key=lambda entry: entry.name.lower())
        names = [f"{folder}/{entry.name}" for entry in entries if entry.is_dir()]
        images = [entry for entry in entries if _is_image(entry)][:MOST_LISTED]
        return Listing(folders=names, images=[one for one in map(self.about, images) if one is not None])

    def about(self, path: Path) -> ImageRef | None:
        """What is known of an image without reading it; None for a file that is not to be seen."""
        ref = self.ref(path)
        return None if ref is None else describe(path, ref)

    def _uploaded(self, name: str) -> Path | None:
        folder = self.uploads / name
        if not name.isalnum() or not folder.is_dir():
            return None
        return next((entry for entry in folder.iterdir() if not entry.name.startswith(".")), None)

    def _top(self, number: str) -> Path | None:
        known = number.isascii() and number.isdigit() and int(number) < len(self.folders)
        return self.folders[int(number)] if known else None

    def _inside(self, number: str, name: str) -> Path | None:
        """A file or folder inside a served one, links followed."""
        top = self._top(number)
        path = None if top is None else within(top, name)
        return None if top is None or path is None or is_hidden(path.relative_to(top)) else path


def describe(path: Path, ref: str) -> ImageRef:
    """A file under a reference; a header that cannot be read leaves its shape open."""
    folder = path.parent.name if ref.startswith(FOLDER) else None
    about = ImageRef(ref=ref, name=path.name, folder=folder, bytes=path.stat().st_size)
    try:
        seen = peek(path)
    except InputError:
        return about
    if seen is None:
        return about
    return about.model_copy(update={"shape": list(seen.shape), "spatial_dims": seen.spatial_dims})


def is_hidden(path: Path) -> bool:
    """Whether a part of a path, from the folder it is seen in, begins with a dot."""
    return any(part.startswith(".") for part in path.parts)


def _visible(folder: Path) -> Iterator[Path]:
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise Refusal(404, f"the folder {folder.name!r} cannot be read: {error.strerror}") from error
    top = folder.resolve()
    return (e for e in entries if not e.name.startswith(".") and e.resolve().is_relative_to(top))


def _is_image(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(tuple(FORMATS))
