"""Runs a config inside the worker: image by image, job by job, task by task."""

from __future__ import annotations

import hashlib
import logging
import platform
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from torchesegeta.config import IDENTITY_FIELDS, RunConfig
from torchesegeta.errors import EsegetaError, StoreError
from torchesegeta.execute.drawing import Drawing
from torchesegeta.execute.events import Crash, Listener
from torchesegeta.jobs import Job, run_job
from torchesegeta.plan import Plan, PlannedImage, per_image, planned
from torchesegeta.store import Store, describe
from torchesegeta.sweeps import Session
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)


def run_config(config: RunConfig, crashes: Sequence[Crash], tell: Listener) -> None:
    """Run what a config asks for and its folder does not hold yet.

    Args:
        config: The config, paths resolved.
        crashes: Jobs that took an earlier worker down; a job of one method among them is given up as `failed`.
        tell: Gets every event.

    Raises:
        ConfigError, InputError, ModelError: The config is wrong; before the event `started` nothing has run.
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    with planned(config) as plan:
        identity = _identity(config)
        store = Store.open(config.output, identity=identity, channels=config.channels)
        try:
            _Run(plan, store, identity, crashes, tell).run()
        finally:
            store.close()


def _identity(config: RunConfig) -> dict[str, Any]:
    """What makes a run what it is: the config without where it runs, and the contents of its files."""
    content = config.model_dump(mode="json", by_alias=True, include=set(IDENTITY_FIELDS))
    files = [config.model.checkpoint, *(p for i in config.images for p in (*i.path, i.label))]
    return {**content, "files": {str(p): _sha256(p) for p in files if p is not None}}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Run:
    """A run under way."""

    def __init__(
        self, plan: Plan, store: Store, identity: dict[str, Any], crashes: Sequence[Crash], tell: Listener
    ) -> None:
        self.plan, self.store, self.identity, self.crashes, self.tell = plan, store, identity, crashes, tell
        self.started, self.clock = datetime.now(UTC), time.perf_counter()
        self.finished = store.finished()
        self.images: list[dict[str, Any]] = []
        self.number = 0

    def run(self) -> None:
        """Everything that is left, then the report."""
        self._log_to_folder()
        self._write_run("running")
        jobs = sum(len(self._jobs(image)) for image in self.plan.images)
        self.tell({"kind": "started", "folder": str(self.store.folder), "jobs": jobs, "warnings": self.plan.warnings})
        for image in self.plan.images:
            self._run_image(image)
        self._write_run("finished")
        from torchesegeta.report import write_report

        report = write_report(self.store.folder)
        self.tell({"kind": "finished", "counts": self.store.counts(), "report": str(report)})

    def _jobs(self, image: PlannedImage) -> list[Job]:
        return per_image(self.plan, self.finished, self.crashes, image.name)

    def _run_image(self, image: PlannedImage) -> None:
        jobs = self._jobs(image)
        try:
            session = self.plan.session(image)
            _ = session.bound
        except StoreError:
            raise
        except EsegetaError as error:
            self._fail(image.name, jobs, str(error))
            return
        self.images.append(_describe(session, image))
        self._write_run("running")
        if jobs:
            drawing = Drawing(session, self.store, self.plan.config.convention)
            drawing.prediction()
            for job in jobs:
                self._run_job(job, session, drawing)

    def _run_job(self, job: Job, session: Session, drawing: Drawing) -> None:
        labels, name = [task.label for task in job.tasks], session.image.name
        if len(labels) == 1 and (name, frozenset(labels)) in self.crashes:
            self._fail(name, [job], "the worker process died while this method ran; see the log")
            return
        self.number += 1
        self.tell(
            {
                "kind": "job",
                "image": name,
                "labels": labels,
                "number": self.number,
                "total": job.sweep.count or 1,
            }
        )
        log.info("%s: sweep %s for %s", name, job.sweep, ", ".join(labels))
        maps = run_job(job, session, lambda done, total: self.tell({"kind": "progress", "done": done, "total": total}))
        for label, group in groupby(maps, key=lambda m: m.label):
            self._store_task(name, label, group, session, drawing)

    def _store_task(
        self, image: str, label: str, maps: Iterator[Attribution], session: Session, drawing: Drawing
    ) -> None:
        kept = []
        for attribution in maps:
            record = self.store.save(attribution, session.image)
            drawing.map(attribution, record)
            self.store.add(record)
            self._tell_map(record)
            kept.append(attribution)
        drawing.overview(label, kept)
        self.store.add({"record": "task", "image": image, "label": label})

    def _fail(self, image: str, jobs: Sequence[Job], reason: str) -> None:
        """Record every task of some jobs as failed."""
        for task in (task for job in jobs for task in job.tasks):
            for place in task.places:
                failed = Attribution(
                    task.method.name, task.label, None, None, place, image,
                    status="failed", reason=reason, parameters=task.method.parameters(),
                )  # fmt: skip
                record = describe(failed)
                self.store.add(record)
                self._tell_map(record)

    def _tell_map(self, record: dict[str, Any]) -> None:
        keys = ("image", "label", "layer", "target", "status", "reason")
        self.tell({"kind": "map", **{k: record[k] for k in keys}})  # type: ignore[typeddict-item]
        if record["status"] != "ok":
            log.warning("%s: %s", " ".join(str(record[k]) for k in keys[:4]), record["reason"])

    def _write_run(self, state: str) -> None:
        config = self.plan.config
        self.store.write_run(
            {
                "state": state,
                "identity": self.identity,
                "config": config.model_dump(mode="json", by_alias=True),
                "versions": versions(),
                "device": str(self.plan.runner.device),
                "precision": config.precision,
                "seed": config.seed,
                "started": self.started.isoformat(timespec="seconds"),
                "finished": datetime.now(UTC).isoformat(timespec="seconds") if state == "finished" else None,
                "seconds": round(time.perf_counter() - self.clock, 2),
                "counts": self.store.counts(),
                "class_names": list(config.model.class_names),
                "images": self.images,
                "warnings": self.plan.warnings,
                "notes": [],
            }
        )

    def _log_to_folder(self) -> None:
        handler = logging.FileHandler(self.store.folder / "log.txt", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.captureWarnings(True)
        root = logging.getLogger()
        root.addHandler(handler)
        root.setLevel(logging.INFO)


def _describe(session: Session, image: PlannedImage) -> dict[str, Any]:
    data = session.image
    return {
        "name": data.name,
        "path": [str(p) for p in image.config.path],
        "shape": list(data.shape),
        "channels": len(data.data),
        "spacing": list(data.spacing),
        "affine": data.affine.tolist() if data.affine is not None else None,
    }


def versions() -> dict[str, str]:
    """Versions of what a map depends on."""
    from importlib.metadata import version

    packages = ("torchesegeta", "torch", "monai", "numpy", "scipy", "nibabel")
    return {"python": platform.python_version(), **{p: version(p) for p in packages}}
