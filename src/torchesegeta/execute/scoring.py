"""Inside a worker: the scores of an image's maps, which are read from the run folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from torchesegeta.execute.events import RunJob
from torchesegeta.execute.tickets import Ticket
from torchesegeta.jobs import Job
from torchesegeta.ledger import SCORES, SUMS, Record
from torchesegeta.metrics.entries import Examination, WantedMetric
from torchesegeta.metrics.running import examine
from torchesegeta.plan import Plan
from torchesegeta.precise import run_precisely
from torchesegeta.store import describe_score, read_on_model_grid
from torchesegeta.sweeps import Progress, Session
from torchesegeta.types import Attribution, Score


def score_label(metric: str, method: str) -> str:
    """Label of the task that judges the maps of a method by a metric."""
    return f"{metric}{SCORES}{method}"


def score_tickets(plan: Plan, image: str) -> Iterator[Ticket]:
    """A job for each examination of an image's maps."""
    for one, passes in zip(plan.examinations, plan.score_passes, strict=True):
        labels = tuple(score_label(w.label, label) for w in one.metrics for label in plan.judged(one))
        if labels:
            yield Ticket(image, labels, passes, one.timeout_s, kind="scores")


def score_blanks(plan: Plan) -> dict[str, list[Record]]:
    """The records of scores that were not made, by the labels of their tasks; as of `Blueprint.blanks`."""
    tasks = {task.label: task for job in plan.jobs for task in job.tasks}
    blanks: dict[str, list[Record]] = {}
    for one in plan.examinations:
        for wanted in one.metrics:
            for label in plan.judged(one):
                made = [_blank(wanted, tasks[label].method.name, label, place) for place in tasks[label].places]
                blanks[score_label(wanted.label, label)] = [describe_score(score) for score in made]
    return blanks


def _blank(wanted: WantedMetric, method: str, label: str, place: str | None) -> Score:
    score = Score(method, label, None, None, place, "", wanted.label, wanted.metric.name, status="failed")
    score.parameters = wanted.metric.parameters()
    return score


def score_maps(plan: Plan, command: RunJob, session: Session, progress: Progress) -> Iterator[tuple[str, list[Score]]]:
    """The scores that a job names, task by task.

    Raises:
        StoreError: A map's file is damaged.
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for label in command.ticket.labels:
        metric, _, method = label.partition(SCORES)
        wanted[metric] = (*wanted.get(metric, ()), method)
    maps = _maps(plan, session, command.maps)
    for examination in _examinations(plan, wanted):
        found: dict[str, list[Score]] = {}
        for score in examine(examination, session, maps, progress, within=command.within):
            found.setdefault(score_label(score.metric, score.label), []).append(score)
        yield from found.items()


def _examinations(plan: Plan, wanted: Mapping[str, tuple[str, ...]]) -> Iterator[Examination]:
    """Metrics with the methods they are to judge; those that judge the same stay together."""
    for one in plan.examinations:
        alike: dict[tuple[str, ...], list[WantedMetric]] = {}
        for metric in one.metrics:
            if metric.label in wanted:
                methods = wanted[metric.label]
                alike.setdefault(methods, []).append(replace(metric, methods=methods))
        for metrics in alike.values():
            yield Examination(tuple(metrics))


def _maps(plan: Plan, session: Session, records: Sequence[Record]) -> list[Attribution]:
    """The maps of an image as they were made; what the run has not kept, or not on this node, is made again."""
    folder, maps, lost = plan.config.output, list[Attribution](), set[str]()
    for record in records:
        here = all((folder / name).is_file() for kind, name in record["files"].items() if kind in SUMS)
        found = read_on_model_grid(folder, record, session.image) if here else None
        if found is None:
            lost.add(record["label"])
        else:
            maps.append(found)
    again = [one for job in _jobs(plan, lost) for one in run_precisely(job, session)]
    methods = {task.label: task.method for job in plan.jobs for task in job.tasks}
    for one in maps:
        one.maker = methods[one.label]
    return [*(one for one in maps if one.label not in lost), *again]


def _jobs(plan: Plan, labels: set[str]) -> list[Job]:
    jobs = [replace(job, tasks=tuple(task for task in job.tasks if task.label in labels)) for job in plan.jobs]
    return [job for job in jobs if job.tasks]
