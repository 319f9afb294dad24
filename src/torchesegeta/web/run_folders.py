"""Run folders as the page sees them: the list, a run, its maps; no model is needed, nor that this server ran it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from torchesegeta.errors import StoreError
from torchesegeta.ledger import LOG, MANIFEST, RUN, Record, key_of, read_manifest, read_run, within
from torchesegeta.methods import methods
from torchesegeta.store import slug
from torchesegeta.verdict import VERDICTS
from torchesegeta.web.answers import MapRow, RunImage, RunStatus
from torchesegeta.web.cascades import is_cascade
from torchesegeta.web.places import Places, is_hidden
from torchesegeta.web.refusals import Refusal
from torchesegeta.web.settings import STATE
from torchesegeta.web.verdicts import Verdicts, verdicts_of

DEEPEST = 3
"""Folders below that of the runs in which a run is looked for."""
STALE = 600.0
"""Seconds without a sign of life after which a run that says it is running was cut off."""
STATES: dict[str, RunStatus] = {"finished": "done", "saved": "done", "interrupted": "interrupted"}

T = TypeVar("T")


class Remembered(Generic[T]):
    """What was made of a file, until the file changes; the oldest are forgotten."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._known: OrderedDict[tuple[Any, ...], T] = OrderedDict()

    def get(self, path: Path, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        """What is known, or is made now.

        Args:
            path: The file it depends on.
            key: What else it depends on.
            make: Makes it.
        """
        stamp = _stamp(path)
        if stamp is None:
            return make()
        whole = (str(path), stamp, *key)
        found = self._known[whole] if whole in self._known else make()
        self._known[whole] = found
        while len(self._known) > self.most:
            self._known.popitem(last=False)
        return found


def find_runs(top: Path) -> Iterator[Path]:
    """Run folders in a folder, itself included."""
    if (top / RUN).is_file():
        yield top
        return
    for place, folders, files in os.walk(top):
        depth = len(Path(place).relative_to(top).parts)
        if RUN in files:
            folders.clear()
            yield Path(place)
        elif depth >= DEEPEST:
            folders.clear()
        folders[:] = sorted(name for name in folders if not name.startswith("."))


def id_of(name: str) -> str:
    """A run folder's name as part of an address."""
    return "~" if name == "." else name.replace("~", "~0").replace("/", "~1")


def name_of(run: str) -> str:
    """The folder's name of an address."""
    return run.replace("~1", "/").replace("~0", "~") if run != "~" else "."


def inside(top: Path, name: str) -> Path:
    """A file or folder inside another, links followed.

    Raises:
        Refusal: It is outside, hidden, or not there.
    """
    whole = within(top, name)
    if whole is None or is_hidden(whole.relative_to(top.resolve())) or not whole.exists():
        raise Refusal(404, f"there is nothing called {name[:200]!r} here")
    return whole


class RunFolders:
    """The run folders inside that of the runs.

    Args:
        top: The folder of runs.
        places: Files that may be seen beside them.
    """

    def __init__(self, top: Path, places: Places) -> None:
        self.top, self.places = top, places
        self._about: Remembered[Record] = Remembered(512)
        self._rows: Remembered[bytes] = Remembered(16)
        self._records: Remembered[dict[str, Record]] = Remembered(16)

    def names(self) -> list[str]:
        """Names of the run folders there are."""
        return [path.relative_to(self.top).as_posix() for path in find_runs(self.top)]

    def folder(self, run: str) -> Path:
        """The folder of a run.

        Raises:
            Refusal: There is none.
        """
        path = inside(self.top, name_of(run))
        if STATE in path.parts[len(self.top.resolve().parts) :] or not (path / RUN).is_file():
            raise Refusal(404, f"there is no run {run[:200]!r} here")
        return path

    def about(self, folder: Path) -> Record:
        """The content of `run.json`; empty where it is damaged."""

        def read() -> Record:
            try:
                return read_run(folder)
            except StoreError:
                return {}

        return self._about.get(folder / RUN, (), read)

    def status(self, folder: Path) -> RunStatus:
        """Where a run stands that another program makes, or made."""
        state = str(self.about(folder).get("state"))
        if state != "running":
            return STATES.get(state, "interrupted")
        signs = [(folder / name).stat().st_mtime for name in (RUN, MANIFEST, LOG) if (folder / name).exists()]
        return "running" if time.time() - max(signs, default=0.0) < STALE else "interrupted"

    def counts(self, folder: Path) -> dict[str, int]:
        """Maps by status."""
        found: dict[str, int] = {}
        for record in self.records(folder).values():
            status = str(record.get("status"))
            found[status] = found.get(status, 0) + 1
        return found

    def records(self, folder: Path) -> dict[str, Record]:
        """The records of maps, by their ids in addresses; scores are put with the map they belong to."""

        def read() -> dict[str, Record]:
            lines = list({key_of(r): r for r in read_manifest(folder) if r["record"] in ("map", "score")}.values())
            whole = [line for line in lines if line["record"] == "map" and _is_whole(line)]
            maps: dict[str, Record] = {_map_id(line): {**line, "metrics": {}, "cascades": {}} for line in whole}
            for line in lines:
                if line["record"] == "score" and (owner := maps.get(_map_id({**line, "record": "map"}))) is not None:
                    owner["metrics"][str(line.get("metric"))] = line.get("value")
                    if is_cascade(line):
                        owner["cascades"][str(line.get("metric"))] = line
            return maps

        return self._records.get(folder / MANIFEST, (), read)

    def record(self, folder: Path, number: str) -> Record:
        """The record of a map.

        Raises:
            Refusal: There is none.
        """
        found = self.records(folder).get(number)
        if found is None:
            raise Refusal(404, f"there is no map {number[:80]!r} in this run")
        return found

    def file(self, folder: Path, record: Record, kind: str = "values") -> Path:
        """A file of a map.

        Raises:
            Refusal: There is none.
        """
        name = (record.get("files") or {}).get(kind)
        if not isinstance(name, str):
            raise Refusal(404, f"this map has no file: {record.get('status')}, {record.get('reason')}")
        return inside(folder, name)

    def cascade(self, folder: Path, record: Record, metric: str | None) -> tuple[Path, Record]:
        """The file of a cascade's views and the record of its score; the first cascade where none is named.

        Raises:
            Refusal: There is none.
        """
        found = record["cascades"]
        score = found.get(metric) if metric is not None else next(iter(found.values()), None)
        if score is None:
            raise Refusal(404, "no such cascade was made with this map")
        return inside(folder, score["files"]["arrays"]), score

    def image_about(self, folder: Path, name: str) -> Mapping[str, Any]:
        """What `run.json` says of an image; empty where it says nothing."""
        return _named(self.about(folder).get("images"), name)

    def map_rows(self, run: str, folder: Path) -> list[MapRow]:
        """The maps of a run."""
        titles, verdicts = {name: method.title for name, method in methods().items()}, verdicts_of(folder)
        return [_map_row(run, number, record, titles, verdicts) for number, record in self.records(folder).items()]

    def maps_json(self, run: str, folder: Path) -> bytes:
        """The same as JSON; asked for every few seconds by every page, so it is kept."""

        def make() -> bytes:
            return json.dumps([row.model_dump(mode="json") for row in self.map_rows(run, folder)]).encode()

        return self._rows.get(folder / MANIFEST, (run, _stamp(folder / VERDICTS)), make)

    def images(self, run: str, folder: Path) -> list[RunImage]:
        """The images of a run, with the addresses of what there is to see."""
        return [self._image(run, folder, image) for image in _listed(self.about(folder).get("images"))]

    def _image(self, run: str, folder: Path, image: Mapping[str, Any]) -> RunImage:
        name = str(image.get("name"))
        start = f"/api/runs/{quote(run)}/images/{quote(name, safe='')}"
        there = {
            "volume": self.image_file(folder, name) is not None,
            "label": self.label_file(folder, name) is not None,
            "prediction": prediction_file(folder, name) is not None,
        }
        shape = image.get("shape")
        dims = len(shape) if isinstance(shape, list) else 3
        return RunImage(
            name=name, spatial_dims=dims, **{kind: f"{start}/{kind}" if has else None for kind, has in there.items()}
        )

    def image_file(self, folder: Path, name: str) -> Path | None:
        """The first file of an image, where it may be seen."""
        paths = _named(self.about(folder).get("images"), name).get("path")
        return self._visible(folder, paths[0] if isinstance(paths, list) and paths else paths)

    def label_file(self, folder: Path, name: str) -> Path | None:
        """The file of an image's label, where it may be seen."""
        about = self.about(folder)
        names = [image.get("name") for image in _listed(about.get("images"))]
        configs = _listed((about.get("config") or {}).get("images"))
        named = next((one for one in configs if one.get("name") == name), None)
        if named is None and len(names) == len(configs) and name in names:
            named = configs[names.index(name)]
        return self._visible(folder, (named or {}).get("label"))

    def _visible(self, folder: Path, path: Any) -> Path | None:
        if not isinstance(path, str) or "\0" in path:
            return None
        found = folder / path
        try:
            own = found.resolve().is_relative_to(self.top.resolve())
            return found if found.is_file() and (own or self.places.ref(found) is not None) else None
        except OSError:
            return None


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file does; None where it is not there."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def prediction_file(folder: Path, name: str) -> Path | None:
    """The predicted segmentation of an image, where there is one."""
    stem = folder / "predictions" / slug(name)
    found = (stem.with_name(stem.name + suffix) for suffix in (".nii.gz", ".tif"))
    return next((path for path in found if path.is_file()), None)


def image_shape(about: Record, name: str) -> list[int] | None:
    """Spatial shape of an image, as the model saw it."""
    shape = _named(about.get("images"), name).get("shape")
    return shape if isinstance(shape, list) and all(isinstance(size, int) for size in shape) else None


def _named(images: Any, name: str) -> Mapping[str, Any]:
    return next((one for one in _listed(images) if one.get("name") == name), {})


def _listed(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _is_whole(record: Record) -> bool:
    return all(isinstance(record.get(name), str) for name in ("method", "label", "image", "status"))


def _map_id(record: Record) -> str:
    place = [record.get(name) for name in ("image", "label", "layer", "target")]
    return hashlib.sha256(json.dumps(place).encode()).hexdigest()[:12]


def _map_row(run: str, number: str, record: Record, titles: Mapping[str, str], verdicts: Verdicts) -> MapRow:
    files = record.get("files") or {}
    start = f"/api/runs/{quote(run)}"
    values = files.get("values")
    spatial = isinstance(values, str) and not values.endswith(".npy")
    known = {name: record[name] for name in MapRow.model_fields if record.get(name) is not None}
    blank: Record = {
        **dict.fromkeys(("target", "target_index", "layer", "reason", "seconds")),
        **{"passes": {}, "warnings": [], "measures": {}, "metrics": {}, "parameters": {}},
        **{"quantity": "", "signed": True, "shows": "map", "space": "image"},
    }
    own = {
        "id": number,
        "title": titles.get(record["method"], record["method"]),
        "verdict": verdicts.get((record["label"], record.get("layer")), []),
        "cascades": list(record["cascades"]),
        "volume": f"{start}/maps/{number}/volume" if spatial else None,
        "figure": f"{start}/files/{quote(files['figure'])}" if files.get("figure") else None,
        "file": f"{start}/files/{quote(values)}" if values else None,
    }
    return MapRow.model_validate({**blank, **known, **own})
