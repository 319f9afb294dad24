"""Runs a config inside the worker: image by image, job by job, task by task."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from torchesegeta.config import RunConfig
from torchesegeta.errors import EsegetaError, IncompatibleError, StoreError
from torchesegeta.execute.drawing import Drawing
from torchesegeta.execute.events import Crash, Listener
from torchesegeta.execute.identity import identify
from torchesegeta.execute.log import logging_to
from torchesegeta.execute.picture_drawing import draw_pictures
from torchesegeta.execute.remaining import remaining
from torchesegeta.jobs import Job, jobs_for, run_job
from torchesegeta.plan import Plan, PlannedImage, check_config, planned
from torchesegeta.store import FINAL, LOG, RUN, STATUSES, Record, Store, check_folder, describe, read_run
from torchesegeta.sweeps import Session
from torchesegeta.types import Attribution, Status

log = logging.getLogger(__name__)

CRASHED = "the worker process died while this method ran"
CRASHED_EARLY = "the worker process died while the image was read and the model first ran on it"


def run_config(config: RunConfig, crashes: Sequence[Crash], tell: Listener) -> None:
    """Run what a config asks for and its folder does not hold yet.

    Args:
        config: The config, paths resolved.
        crashes: Jobs of this run that took an earlier worker down: they are run in halves, and what is left of them
            in the end is `failed`. Without any the run is a fresh one, and what failed before is tried again.
        tell: Gets every event; before `started` nothing is written.

    Raises:
        ConfigError: The config is wrong, or its folder holds another run.
        InputError: No image can be read.
        ModelError: The model cannot be built or loaded, or cannot run any image.
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    check_config(config)
    identity = identify(config)
    check_folder(config.output, identity)
    final = STATUSES if crashes else FINAL
    with (
        planned(config) as plan,
        Store.open(config.output, channels=config.channels, final=final) as store,
        logging_to(store.folder / LOG),
    ):
        try:
            _Run(plan, store, identity, crashes, tell).run()
        except Exception:
            log.exception("the run stopped")
            raise


class _Run:
    """A run under way."""

    def __init__(
        self, plan: Plan, store: Store, identity: dict[str, Any], crashes: Sequence[Crash], tell: Listener
    ) -> None:
        self.plan, self.store, self.identity, self.crashes, self.tell = plan, store, identity, crashes, tell
        self.clock = time.perf_counter()
        self.before = read_run(store.folder) if (store.folder / RUN).is_file() else {}
        self.finished = store.finished
        self.images: dict[str, Record] = {i["name"]: i for i in self.before.get("images", [])}
        self.number = 0

    def run(self) -> None:
        """Everything that is left, then the report."""
        log.info("run with %s", ", ".join(f"{name} {version}" for name, version in versions().items()))
        self._write_run("running")
        left = {image.name: self._jobs(image) for image in self.plan.images}
        self.tell(
            {
                "kind": "started",
                "folder": str(self.store.folder),
                "jobs": sum(map(len, left.values())),
                "passes": sum(self._passes(job) for jobs in left.values() for job in jobs),
                "warnings": self.plan.warnings,
            }
        )
        for image in self.plan.images:
            if left[image.name]:
                self._run_image(image, left[image.name])
        self._write_run("finished")
        from torchesegeta.report import write_report

        report = write_report(self.store.folder)
        self.tell({"kind": "finished", "counts": self.store.counts(), "report": str(report)})

    def _jobs(self, image: PlannedImage) -> list[Job]:
        mine = jobs_for(self.plan.jobs, first=image.name == self.plan.first.image.name)
        return remaining(mine, image.name, self.finished, self.crashes)

    def _passes(self, job: Job) -> int:
        """Planned passes, for the time that is left."""
        return sum(self.plan.passes(job).values())

    def _run_image(self, image: PlannedImage, jobs: Sequence[Job]) -> None:
        if (image.name, frozenset()) in self.crashes:
            self._fail(image.name, jobs, "failed", CRASHED_EARLY)
            return
        self.tell({"kind": "image", "image": image.name})
        try:
            session = self.plan.session(image)
            _ = session.bound
        except StoreError:
            raise
        except EsegetaError as error:
            status: Status = "incompatible" if isinstance(error, IncompatibleError) else "failed"
            self._fail(image.name, jobs, status, str(error))
            return
        self.images[image.name] = _describe(session, image)
        self._write_run("running")
        drawing = Drawing(session, self.store, self.plan.config.convention)
        drawing.prediction()
        for job in jobs:
            self._run_job(job, session, drawing)
            self._write_run("running")

    def _run_job(self, job: Job, session: Session, drawing: Drawing) -> None:
        labels, name = [task.label for task in job.tasks], session.image.name
        if (name, frozenset(labels)) in self.crashes:
            self._fail(name, [job], "failed", CRASHED)
            return
        self.number += 1
        passes = self._passes(job)
        self.tell({"kind": "job", "image": name, "labels": labels, "number": self.number, "passes": passes})
        log.info("%s: sweep %s for %s", name, job.sweep, ", ".join(labels))
        maps = run_job(job, session, lambda done, total: self.tell({"kind": "progress", "done": done, "total": total}))
        for label, group in groupby(maps, key=lambda m: m.label):
            self._store_task(label, group, session, drawing)

    def _store_task(self, label: str, maps: Iterator[Attribution], session: Session, drawing: Drawing) -> None:
        kept: list[tuple[Attribution, Record]] = []
        for attribution in maps:
            record = describe(attribution)
            self.store.save(attribution, session.image, record)
            drawing.map(attribution, record)
            self._add(record)
            kept.append((attribution, record))
        drawing.overview([one for one, _ in kept if one.shows == "map"])
        draw_pictures(drawing, [(one, record) for one, record in kept if one.shows == "picture"])
        self.store.close_task(session.image.name, kept[0][0].method, label)

    def _fail(self, image: str, jobs: Sequence[Job], status: Status, reason: str) -> None:
        """Record every task of some jobs as failed."""
        for task in (task for job in jobs for task in job.tasks):
            method = task.method
            for place in task.places:
                failed = Attribution(method.name, task.label, None, None, place, image, status=status, reason=reason)
                failed.parameters = method.parameters()
                failed.space = "image" if method.in_image_space(place) else "layer"
                failed.shows, failed.of_model = method.shows, method.of_model
                self._add(describe(failed))
            self.store.close_task(image, method.name, task.label)

    def _add(self, record: Record) -> None:
        self.store.add(record)
        keys = ("image", "label", "layer", "target", "status", "reason")
        self.tell({"kind": "map", **{k: record[k] for k in keys}})  # type: ignore[typeddict-item]
        if record["status"] != "ok":
            where = " ".join(str(record[k]) for k in keys[:4] if record[k] is not None)
            log.warning("%s: %s: %s", record["status"], where, record["reason"])

    def _write_run(self, state: str) -> None:
        config, now = self.plan.config, datetime.now(UTC).isoformat(timespec="seconds")
        names = [image.name for image in self.plan.images if image.name in self.images]
        self.store.write_run(
            {
                "state": state,
                "identity": self.identity,
                "config": config.model_dump(mode="json", by_alias=True),
                "versions": versions(),
                "device": str(self.plan.runner.device),
                "precision": config.precision,
                "seed": config.seed,
                "started": self.before.get("started", now),
                "finished": now if state == "finished" else None,
                "seconds": round(self.before.get("seconds", 0) + time.perf_counter() - self.clock, 2),
                "counts": self.store.counts(),
                "class_names": list(config.model.class_names),
                "images": [self.images[name] for name in names],
                "warnings": self.plan.warnings,
                "notes": list(config.notes),
            }
        )


def _describe(session: Session, image: PlannedImage) -> Record:
    data = session.image
    return {
        "name": data.name,
        "path": [str(path) for path in image.config.path],
        "shape": list(data.shape),
        "channels": len(data.data),
        "spacing": list(data.spacing),
        "affine": data.affine.tolist() if data.affine is not None else None,
    }


def versions() -> dict[str, str]:
    """Versions of what a map depends on."""
    from importlib.metadata import version

    packages = ("torchesegeta", "torch", "monai", "numpy", "scipy", "nibabel")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
