"""Maps of the Python API in a folder: the form of a run's, without a config."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from torchesegeta.errors import ConfigError
from torchesegeta.ledger import RUN, Ledger, Record, check_folder, read_manifest, read_run, within
from torchesegeta.store.maps import save_map, write_sidecar
from torchesegeta.store.records import describe
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
    tasks: defaultdict[tuple[str, str, str], list[Attribution]] = defaultdict(list)
    for attribution in maps:
        tasks[attribution.image, attribution.method, attribution.label].append(attribution)
    with Ledger.open(folder) as ledger:
        _remove_old(ledger)
        _write_run(ledger)
        for (image, method, label), members in tasks.items():
            records = [_save(folder, member, images.get(image), channels) for member in members]
            ledger.close_task(image, method, label, records)
        _write_run(ledger)
    return folder


def _save(folder: Path, attribution: Attribution, image: Image | None, channels: str) -> Record:
    record = describe(attribution)
    save_map(folder, attribution, image, record, channels)
    write_sidecar(folder, record)
    return record


def _write_run(ledger: Ledger) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ledger.write_run({"state": SAVED, "identity": {}, "finished": now, "counts": ledger.counts()})


def _check(folder: Path, maps: Sequence[Attribution]) -> None:
    for key, count in Counter(m.key for m in maps).items():
        if count > 1:
            image, label, layer, target = key
            raise ConfigError(f"{count} maps are of {label!r}, layer {layer!r}, target {target!r}, image {image!r}")
    if not (folder / RUN).is_file():
        check_folder(folder, {})
    elif read_run(folder).get("state") != SAVED:
        raise ConfigError(f"{str(folder)!r} holds a run; save into another folder")


def _remove_old(ledger: Ledger) -> None:
    for record in read_manifest(ledger.folder):
        for name in record.get("files", {}).values():
            if within(ledger.folder, name) is not None:
                (ledger.folder / name).unlink(missing_ok=True)
    ledger.clear()
