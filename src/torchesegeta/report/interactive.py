"""A run as one HTML file with a viewer and its maps inside, which opens by a double click, without a server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from torchesegeta.errors import ConfigError, InputError, StoreError, unknown
from torchesegeta.ledger import replacing, within
from torchesegeta.report import words
from torchesegeta.report.catalogue import info, registered
from torchesegeta.report.records import Record, Run, is_picture, read
from torchesegeta.report.volumes import image_volume, map_volume
from torchesegeta.store import slug

NAME = "interactive.html"
LARGEST = 40 * 2**20
"""Bytes of maps that are put in where none are named: more cannot be sent by mail."""
MOST = 4 * 2**30
"""Bytes of the values of one image."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; connect-src data: blob:; worker-src blob:"
)
"""Nothing is loaded from anywhere."""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
</head>
<body>
<div id="esegeta-viewer"></div>
<script type="application/json" id="esegeta-data">{data}</script>
<script>{viewer}</script>
</body>
</html>
"""


@dataclass(frozen=True)
class Written:
    """The file that was written.

    Attributes:
        path: Where it is.
        maps: How many maps it holds.
        left_out: Maps that it does not hold since it would have become too large, in words.
    """

    path: Path
    maps: int
    left_out: tuple[str, ...]


def write_interactive(
    run: Path, path: Path | None = None, *, labels: Sequence[str] = (), largest: int = LARGEST
) -> Written:
    """Write a run, or some of its maps, as one HTML file.

    Values are stored in 16 bits, in equal steps over a map's range. Pictures that methods made are not in it.

    Args:
        run: The run folder.
        path: The file; None: `interactive.html` in the run folder.
        labels: Methods, by their names in the run; none: all, as far as they fit.
        largest: Bytes of maps that fit where no methods are named.

    Raises:
        ConfigError: There is no such method in the run, or the viewer is not built.
        StoreError: It is no run folder, holds no maps that can be shown, or the file cannot be written.
    """
    viewer, content = _viewer(), read(run)
    records = _chosen(content, labels)
    images, left_out = _images(content, records, None if labels else largest)
    count = sum(len(image["maps"]) for image in images)
    if not count:
        raise StoreError(f"{run}: no map can be shown; does it hold any, and are its images where they were?")
    title = f"{run.resolve().name}: maps of {len(images)} image{'s' if len(images) > 1 else ''}"
    data = {"title": title, "notes": list(_notes(content, left_out)), "images": images}
    page = PAGE.format(policy=POLICY, title=escape(title), data=_inert(data), viewer=viewer)
    target = path or run / NAME
    with replacing(target) as stream:
        stream.write(page.encode())
    return Written(target, count, tuple(left_out))


def _viewer() -> str:
    """The viewer's script; it holds nothing that would end the element it stands in."""
    script = files("torchesegeta.web") / "static" / "viewer.js"
    if not script.is_file():
        raise ConfigError("the viewer is not built: run 'make web' in the checkout; installed packages hold it")
    return script.read_text(encoding="utf-8").replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _inert(data: Any) -> str:
    """JSON that no browser takes for markup."""
    return json.dumps(data).replace("<", "\\u003c")


def _chosen(run: Run, labels: Sequence[str]) -> list[Record]:
    maps = [r for r in run.maps if not is_picture(r) and (r.get("files") or {}).get("values")]
    known = {str(record["label"]) for record in maps}
    for label in labels:
        if label not in known:
            raise ConfigError(f"--map: {unknown('method', label, known, where='with maps in this run')}")
    return [record for record in maps if not labels or record["label"] in labels]


def _images(run: Run, records: Sequence[Record], largest: int | None) -> tuple[list[dict[str, Any]], list[str]]:
    """The images with their maps, and what was left out."""
    catalogue, left_out, taken = registered(), [], 0
    found: dict[str, dict[str, Any]] = {}
    for record in records:
        name, title = str(record["image"]), info(catalogue, record["method"]).title
        volume = _volume(run, record)
        if volume is None:
            continue
        if largest is not None and taken + len(volume) > largest:
            left_out.append(words.name_of(record, title))
            continue
        image = found.get(name) or _image(run, name)
        if image is not None:
            found[name] = image
            taken += len(volume)
            image["maps"].append(_map(record, title, volume))
    return list(found.values()), left_out


def _volume(run: Run, record: Record) -> bytes | None:
    path = _inside(run.folder, record["files"]["values"])
    shape = next((i.get("shape") for i in run.about.get("images") or [] if i.get("name") == record["image"]), None)
    over = None if record.get("space") == "image" else shape
    return None if path is None else map_volume(path, MOST, over, small=True)


def _inside(folder: Path, name: object) -> Path | None:
    """A file of the run folder, not of any other."""
    path = folder / str(name)
    return path if within(folder, str(name)) is not None and path.is_file() else None


def _map(record: Record, title: str, volume: bytes) -> dict[str, Any]:
    label = str(record["label"])
    return {
        "title": title if label == record["method"] else label,
        "method": record["method"],
        "target": str(record.get("target") or ""),
        "target_index": record.get("target_index"),
        "layer": record.get("layer"),
        "quantity": record.get("quantity") or "",
        "warnings": list(record.get("warnings") or ()),
        "data": _text(volume),
    }


def _image(run: Run, name: str) -> dict[str, Any] | None:
    """An image, its label and prediction; None where its file is gone."""
    about: Record = next((image for image in run.about.get("images") or [] if image.get("name") == name), {})
    paths = about.get("path") or []
    image = _file(run.folder, paths[0] if isinstance(paths, list) and paths else paths)
    if image is None:
        return None
    stem = f"predictions/{slug(name)}"
    predicted = next((p for s in (".nii.gz", ".tif") if (p := _inside(run.folder, stem + s)) is not None), None)
    return {
        "name": name,
        "image": _text(image),
        "label": _optional(_file(run.folder, _label(run, name))),
        "prediction": _optional(image_volume(predicted, MOST, small=True) if predicted is not None else None),
        "maps": [],
    }


def _file(folder: Path, name: Any) -> bytes | None:
    """The volume of an image that a run names; None where it cannot be read any more."""
    path = folder / name if isinstance(name, str) else None
    try:
        return image_volume(path, MOST, small=True) if path is not None and path.is_file() else None
    except InputError:
        return None


def _label(run: Run, name: str) -> Any:
    images = [image.get("name") for image in run.about.get("images") or []]
    configs = (run.about.get("config") or {}).get("images") or []
    if not isinstance(configs, list) or not all(isinstance(one, dict) for one in configs):
        return None  # sets of images, which are not told apart there
    named = next((one for one in configs if one.get("name") == name), None)
    if named is None and len(images) == len(configs) and name in images:
        named = configs[images.index(name)]
    return (named or {}).get("label")


def _text(volume: bytes) -> str:
    return base64.b64encode(volume).decode("ascii")


def _optional(volume: bytes | None) -> str | None:
    return None if volume is None else _text(volume)


def _notes(run: Run, left_out: Sequence[str]) -> Iterator[str]:
    """What the reader must know."""
    about = run.about
    version = (about.get("versions") or {}).get("torchesegeta")
    yield f"Made by TorchEsegeta {version or ''}, {words.moment(about.get('finished'))}.".replace(" ,", ",")
    yield from (str(note) for note in about.get("notes") or ())
    yield from (f"Warning: {warning}" for warning in about.get("warnings") or ())
    if left_out:
        yield f"{len(left_out)} maps of the run are not in this file, which would have become too large."
