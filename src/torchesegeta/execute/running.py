"""Inside a worker: plans a config, runs jobs, stores and draws their maps, writes the report."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import torch

from torchesegeta.config import RunConfig
from torchesegeta.errors import EsegetaError, IncompatibleError, StoreError
from torchesegeta.execute.comparing import agreement_blanks, agreement_tickets, compare
from torchesegeta.execute.drawing import Drawing
from torchesegeta.execute.events import Command, Message, RunJob
from torchesegeta.execute.identity import identify
from torchesegeta.execute.log import Level, about, logging_to
from torchesegeta.execute.picture_drawing import draw_pictures
from torchesegeta.execute.scoring import score_blanks, score_maps, score_tickets
from torchesegeta.execute.tickets import Blueprint, Ticket
from torchesegeta.execute.worker import GPU_FAILED
from torchesegeta.jobs import Job, Task, jobs_for
from torchesegeta.ledger import AGREEMENT, LOG, Record, check_folder, stamp_of
from torchesegeta.plan import Plan, PlannedImage, check_config, planned, threads, workers
from torchesegeta.precise import run_precisely
from torchesegeta.store import describe, describe_score, keep_model_grid, save_map, save_score, write_sidecar
from torchesegeta.sweeps import Session
from torchesegeta.sweeps.remedies import saying_what_to_try, suspicion
from torchesegeta.types import Attribution

log = logging.getLogger(__name__)

OFTEN = 0.1
"""Seconds between two messages on the progress of a sweep."""

Tell = Callable[[Message], None]


def serve(
    config: RunConfig,
    level: Level,
    number: int,
    ask: Callable[[], Command | None],
    tell: Tell,
    log_to: Path | None = None,
) -> None:
    """Plan a config, and do what is asked until there is nothing more to do.

    Args:
        config: The config, paths resolved.
        level: The least that is logged.
        number: Which of the run's workers this is.
        ask: Waits for a command; None: there is nothing more to do.
        tell: Gets every message; before the first command nothing is written.
        log_to: What is logged to; None: the run's log.

    Raises:
        ConfigError: The config is wrong, or its folder holds another run.
        InputError: No image can be read.
        ModelError: The model cannot be built or loaded, or cannot run any image.
        StoreError: The folder cannot be written, for instance because the disk is full.
    """
    check_config(config)
    identity = identify(config)
    check_folder(config.output, identity)
    devices = workers(config)
    torch.set_num_threads(threads(config))
    with planned(config, number) as plan:
        tell({"kind": "planned", "blueprint": _blueprint(plan, identity, devices)})
        command = ask()
        if command is None:
            return
        with logging_to(log_to or config.output / LOG, level):
            try:
                _follow(_Worker(plan, tell), command, ask)
            except Exception:
                log.exception("the run stopped")
                raise


def _follow(worker: _Worker, first: Command, ask: Callable[[], Command | None]) -> None:
    command: Command | None = first
    while command is not None:
        if isinstance(command, RunJob):
            worker.run(command)
        else:
            worker.report()
        command = ask()


def _blueprint(plan: Plan, identity: Record, devices: list[str]) -> Blueprint:
    config = plan.config
    return Blueprint(
        folder=config.output,
        identity=identity,
        about={
            "config": config.model_dump(mode="json", by_alias=True),
            "versions": versions(),
            "device": ", ".join(dict.fromkeys(devices)),
            "precision": config.precision,
            "seed": config.seed,
            "class_names": list(config.model.class_names),
            "warnings": plan.warnings,
            "notes": list(config.notes),
        },
        images={image.name: image.files for image in plan.own},
        tickets=list(tickets_of(plan)),
        blanks={task.label: _blanks(task) for job in plan.jobs for task in job.tasks}
        | score_blanks(plan)
        | agreement_blanks(plan),
        devices=devices,
        timeout_s=config.execution.timeout_s,
        warnings=plan.warnings,
    )


def tickets_of(plan: Plan) -> Iterator[Ticket]:
    """All jobs of a run, in order."""
    passes: dict[tuple[str, ...], int] = {}
    for image in plan.own:
        for job in _jobs(plan, image):
            labels = tuple(task.label for task in job.tasks)
            if labels not in passes:
                passes[labels] = sum(plan.passes(job).values())
            yield Ticket(image.name, labels, passes[labels], job.timeout_s)
        yield from score_tickets(plan, image.name)
        yield from agreement_tickets(plan, image.name)


def _jobs(plan: Plan, image: PlannedImage) -> list[Job]:
    return jobs_for(plan.jobs, first=image.name == plan.first.image.name)


def _blanks(task: Task) -> list[Record]:
    """The records of a task that made no maps; image, status and reason are to be filled in."""
    method = task.method
    blank = [Attribution(method.name, task.label, None, None, place, "", status="failed") for place in task.places]
    for one in blank:
        one.parameters = method.parameters()
        one.space = "image" if method.in_image_space(one.layer) else "layer"
        one.shows, one.of_model = method.shows, method.of_model
    return [describe(one) for one in blank]


class _Worker:
    """A model that is ready, and the image at hand."""

    def __init__(self, plan: Plan, tell: Tell) -> None:
        self.plan, self.tell = plan, tell
        self.folder = plan.config.output
        self.images = {image.name: image for image in plan.own}
        self.present: tuple[Session, Drawing] | None = None

    def run(self, command: RunJob) -> None:
        """Run a job, reading its image where it is not at hand."""
        ticket = command.ticket
        with about(ticket.image, ", ".join(ticket.labels)):
            try:
                session, drawing = self._prepare(ticket.image)
            except StoreError:
                raise
            except EsegetaError as error:
                self._end_if_gpu_failed()
                status = "incompatible" if isinstance(error, IncompatibleError) else "failed"
                self.tell({"kind": "unusable", "status": status, "text": str(error)})
                return
            self._run(command, session, drawing)
            if self.plan.runner.device.type == "cuda" and self.plan.runner.sharing > 1:
                torch.cuda.empty_cache()  # which the others on that GPU cannot take from this one
            self.tell({"kind": "done"})

    def _prepare(self, name: str) -> tuple[Session, Drawing]:
        """The image before the model, its target bound; its prediction is stored."""
        if self.present is not None and self.present[0].image.name == name:
            return self.present
        self.present = None
        self.tell({"kind": "image", "advice": suspicion(self.plan.first, half_safe=True)})
        session = self.plan.session(self.images[name])
        with saying_what_to_try(session):
            _ = session.bound
        config = self.plan.config
        drawing = Drawing(session, self.folder, config.convention, self._tell_of_figure, maps=config.figures)
        drawing.prediction()
        self.present = (session, drawing)
        self.tell({"kind": "prepared", "record": _describe(session, self.images[name])})
        return self.present

    def _run(self, command: RunJob, session: Session, drawing: Drawing) -> None:
        ticket = command.ticket
        job = self._job(ticket) if ticket.kind == "maps" else None
        self.tell({"kind": "sweep", "advice": suspicion(session, half_safe=job is None or job.half_safe)})
        if ticket.kind == "scores":
            self._score(command, session)
        elif ticket.kind == "agreement":
            self._compare(command, session, drawing)
        elif job is not None:
            self._explain(command, job, session, drawing)

    def _explain(self, command: RunJob, job: Job, session: Session, drawing: Drawing) -> None:
        """Make maps."""
        log.info("sweep %s", job.sweep)
        maps = run_precisely(
            job,
            session,
            _Progress(self.tell),
            agreement=self.plan.config.agreement,
            within=command.within,
            retries=command.ticket.retries,
        )
        for label, group in groupby(maps, key=lambda m: m.label):
            self._store(label, group, session, drawing)

    def _score(self, command: RunJob, session: Session) -> None:
        """Judge maps that are there."""
        for label, scores in score_maps(self.plan, command, session, _Progress(self.tell)):
            for score in scores:
                if score.status == "failed":
                    self._end_if_gpu_failed()
                record = describe_score(score)
                save_score(self.folder, score, record)
                _log(record)
                self.tell({"kind": "record", "record": record})
            self.tell({"kind": "task", "label": label})

    def _compare(self, command: RunJob, session: Session, drawing: Drawing) -> None:
        """Say how far the maps that are there agree."""
        for record in compare(self.folder, command.maps, session.image, drawing):
            self.tell({"kind": "record", "record": record})
        self.tell({"kind": "task", "label": AGREEMENT})

    def _job(self, ticket: Ticket) -> Job:
        """The job with the tasks that a ticket names."""
        jobs = [(job, tuple(task for task in job.tasks if task.label in ticket.labels)) for job in self.plan.jobs]
        return next(replace(job, tasks=tasks) for job, tasks in jobs if tasks)

    def _store(self, label: str, maps: Iterator[Attribution], session: Session, drawing: Drawing) -> None:
        kept: list[tuple[Attribution, Record]] = []
        for attribution in maps:
            if attribution.status == "failed":
                self._end_if_gpu_failed()
            record = self._save(attribution, session)
            drawing.map(attribution, record)
            if attribution.shows == "map":
                self._tell_of(record)
            kept.append((attribution, record))
        pictures = [(one, record) for one, record in kept if one.shows == "picture"]
        drawing.overview([one for one, _ in kept if one.shows == "map"])
        draw_pictures(drawing, pictures)
        for _, record in pictures:
            self._tell_of(record)
        self.tell({"kind": "task", "label": label})

    def _tell_of(self, record: Record) -> None:
        """A map or picture is stored and drawn."""
        write_sidecar(self.folder, record)
        _log(record)
        self.tell({"kind": "record", "record": record})

    def _save(self, attribution: Attribution, session: Session) -> Record:
        """Store a map's values; one that cannot be brought into a file has failed."""
        if self.plan.examinations:
            keep_model_grid(attribution, session.image)
        record = describe(attribution)
        try:
            save_map(self.folder, attribution, session.image, record, self.plan.config.channels)
        except StoreError:
            raise
        except Exception as error:
            log.exception("the map cannot be stored", extra={"method": attribution.label})
            attribution.values, attribution.status = None, "failed"
            attribution.reason = f"the map cannot be stored: {type(error).__name__}: {error}"
            record = describe(attribution)
        return record

    def _end_if_gpu_failed(self) -> None:
        """End this process if its GPU refuses whatever comes next, as after an invalid access."""
        device = self.plan.runner.device
        if device.type != "cuda":
            return
        try:
            torch.cuda.synchronize(device)
        except RuntimeError:
            log.exception("the GPU failed, so the worker process ends")
            os._exit(GPU_FAILED)

    def _tell_of_figure(self, record: Record) -> None:
        self.tell({"kind": "record", "record": record})

    def report(self) -> None:
        """Write the report."""
        from torchesegeta.report import write_report

        self.present = None
        self.tell({"kind": "reported", "text": str(write_report(self.folder))})


class _Progress:
    """Tells of progress, but not of every chunk of a quick sweep."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self.told = tell, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done in (0, total) or now - self.told >= OFTEN:
            self.told = now
            self.tell({"kind": "progress", "done": done, "total": total})


def _log(record: Record) -> None:
    """What must be known of a map."""
    extra = {"method": record["label"]}
    where = " ".join(f"{name} {record[name]}: " for name in ("layer", "target") if record[name] is not None)
    if record["status"] != "ok":
        log.warning("%s%s: %s", where, record["status"], record["reason"], extra=extra)
    for warning in record["warnings"]:
        log.warning("%s%s", where, warning, extra=extra)


def _describe(session: Session, image: PlannedImage) -> Record:
    data = session.image
    return {
        "name": data.name,
        "number": image.number,
        "path": [str(path) for path in image.config.path],
        "shape": list(data.shape),
        "channels": len(data.data),
        "spacing": list(data.spacing),
        "affine": data.affine.tolist() if data.affine is not None else None,
        "stamps": {field: stamp_of(path) for field, path in image.files.items()},
    }


def versions() -> dict[str, str]:
    """Versions of what a map depends on."""
    from importlib.metadata import version

    packages = ("torchesegeta", "torch", "monai", "numpy", "scipy", "nibabel")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}
