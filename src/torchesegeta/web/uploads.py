"""Uploads: streamed to the disk, measured, and looked at as data. Nothing of them is ever unpickled."""

from __future__ import annotations

import json
import re
import shutil
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from anyio import to_thread

from torchesegeta.errors import EsegetaError, ModelError
from torchesegeta.inputs import check_size
from torchesegeta.inputs.formats import FORMATS
from torchesegeta.models.checkpoint import TORCH_SUFFIXES
from torchesegeta.web.answers import ImageRef
from torchesegeta.web.places import UPLOAD, describe
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.settings import Settings

Kind = Literal["image", "checkpoint"]
CHECKPOINTS = (".safetensors", *TORCH_SUFFIXES)
SPARE = 2**30
"""Bytes of the disk that uploads leave free."""
LONGEST_HEADER = 2**24
"""Bytes of the header of a safetensors file."""


async def receive(name: str, kind: Kind, blocks: AsyncIterator[bytes], settings: Settings) -> ImageRef:
    """Take an upload.

    Args:
        name: The file's name, which tells its format.
        kind: What it is to be.
        blocks: Its bytes.
        settings: The server's.

    Returns:
        The reference to it.

    Raises:
        Refusal: It is of another format, too large, damaged, or holds more than numbers.
    """
    safe = safe_name(name, kind)
    folder = settings.uploads / uuid.uuid4().hex
    folder.mkdir(parents=True)
    path = folder / safe
    try:
        await _store(path, blocks, settings)
        check = _check_image if kind == "image" else _check_checkpoint
        await to_thread.run_sync(check, path, settings.most_values)
    except EsegetaError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refusal(422, str(error).replace(str(path), safe)) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    ref = f"{UPLOAD}/{folder.name}"
    if kind == "image":
        return await to_thread.run_sync(describe, path, ref)
    return ImageRef(ref=ref, name=safe, bytes=path.stat().st_size)


def safe_name(name: str, kind: Kind) -> str:
    """The name under which an upload is stored.

    Raises:
        Refusal: Its ending is of no format that is read.
    """
    allowed = tuple(FORMATS) if kind == "image" else CHECKPOINTS
    plain = re.sub(r"[^\w.\-]+", "_", name.replace("\\", "/").rpartition("/")[2]).lstrip(".")
    ending = next((one for one in allowed if plain.lower().endswith(one)), None)
    if ending is None:
        raise Refusal(422, f"{name[:80]!r} is no {kind} that can be read; allowed: {', '.join(allowed)}")
    stem = plain[: -len(ending)].encode()[:100].decode(errors="ignore") or kind
    return f"{stem}{plain[-len(ending) :]}"


async def _store(path: Path, blocks: AsyncIterator[bytes], settings: Settings) -> None:
    free = shutil.disk_usage(path.parent).free - SPARE
    taken = 0
    with path.open("xb") as stream:
        async for block in blocks:
            taken += len(block)
            if taken > settings.most_upload:
                raise Refusal(413, f"the file is larger than the {settings.most_upload} bytes that are taken")
            if taken > free:
                raise Refusal(413, "the server's disk is too full for this file")
            await to_thread.run_sync(stream.write, block)
    if not taken:
        raise Refusal(422, "the file is empty")


def _check_image(path: Path, most: int) -> None:
    check_size(path, most)


def _check_checkpoint(path: Path, most: int) -> None:
    """Refuse a checkpoint that is no list of numbers, by its table of contents alone.

    Raises:
        ModelError: It is damaged, packed, or names objects that would run code.
    """
    if path.suffix == ".safetensors":
        _check_safetensors(path)
        return
    if not zipfile.is_zipfile(path):
        raise ModelError(f"{path.name} is no file of torch.save; save the weights as .safetensors")
    with zipfile.ZipFile(path) as file:
        entries = file.infolist()
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise ModelError(f"{path.name} unpacks to more than it has; torch.save packs nothing")
    foreign = _foreign(path)
    if foreign:
        raise ModelError(
            f"{path.name} holds more than weights ({', '.join(foreign[:5])}) and could run any code when it is "
            "loaded, so it is refused; save the weights alone, as .safetensors"
        )


def _check_safetensors(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(size - 8, LONGEST_HEADER):
            raise ModelError(f"{path.name} is no complete safetensors file: its header does not fit")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{path.name} is no safetensors file: its header is no JSON") from error
    entries = [one for key, one in header.items() if key != "__metadata__"] if isinstance(header, dict) else [None]
    if not all(_ends_by(size - 8 - length, entry) for entry in entries):
        raise ModelError(f"{path.name} is no complete safetensors file: it says it holds more than it has")


def _ends_by(end: int, entry: Any) -> bool:
    places = entry.get("data_offsets") if isinstance(entry, dict) else None
    return isinstance(places, list) and len(places) == 2 and isinstance(places[1], int) and 0 <= places[1] <= end


def _foreign(path: Path) -> list[str]:
    """Names of objects that a file would make; found without making them."""
    import torch

    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception as error:
        raise ModelError(f"{path.name} is damaged, or no file of torch.save") from error
