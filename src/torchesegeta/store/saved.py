"""Maps of the Python API in a folder: the form of a run's, without a config."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from torchesegeta.errors import ConfigError
from torchesegeta.store.records import MANIFEST, RUN, describe, read_run
from torchesegeta.store.store import Store, check_folder
from torchesegeta.types import Attribution, Image

SAVED = "saved"
"""The state in `run.json` of a folder that no run has made."""


def save_maps(folder: Path, maps: Sequence[Attribution], images: Mapping[str, Image], *, channels: str = "sum") -> Path:
    """Write maps, their sidecars, a manifest and `run.json`; replaces maps that were saved there before.

    Args:
        folder: Made where there is none.
        maps: The maps.
        images: What they explain, by name, as far as it is at hand.
        channels: Whether layer maps keep their layer's channels (`keep`), or hold their sum (`sum`).

    Raises:
        ConfigError: The folder holds a run or other things, or two maps have the same name.
        StoreError: It cannot be written.
    """
    _check(folder, maps)
    with Store.open(folder, channels=channels) as store:
        _remove_old(store)
        _write_run(store)
        for attribution in maps:
            record = describe(attribution)
            store.save(attribution, images.get(attribution.image), record)
            store.add(record)
        for image, method, label in dict.fromkeys((m.image, m.method, m.label) for m in maps):
            store.close_task(image, method, label)
        _write_run(store)
    return folder


def _write_run(store: Store) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    store.write_run({"state": SAVED, "identity": {}, "finished": now, "counts": store.counts()})


def _check(folder: Path, maps: Sequence[Attribution]) -> None:
    for key, count in Counter(m.key for m in maps).items():
        if count > 1:
            image, label, layer, target = key
            raise ConfigError(f"{count} maps are of {label!r}, layer {layer!r}, target {target!r}, image {image!r}")
    if not (folder / RUN).is_file():
        check_folder(folder, {})
    elif read_run(folder).get("state") != SAVED:
        raise ConfigError(f"{str(folder)!r} holds a run; save into another folder")


def _remove_old(store: Store) -> None:
    for record in store.records.values():
        for path in (store.folder / name for name in record.get("files", {}).values()):
            if path.resolve().is_relative_to(store.folder.resolve()):
                path.unlink(missing_ok=True)
    store.records.clear()
    (store.folder / MANIFEST).unlink(missing_ok=True)
