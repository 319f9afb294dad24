"""What a run will take from its beginning to its end, its workers side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from torchesegeta.execute.finishing import Finishing, time_finishing
from torchesegeta.execute.running import tickets_of
from torchesegeta.execute.scoring import score_tickets
from torchesegeta.execute.tickets import Queue, Ticket
from torchesegeta.jobs import Job
from torchesegeta.plan import Estimate, Plan, estimate, examination_seconds, workers

STARTING = 4.0
"""Seconds until a first worker has imported PyTorch and begins to plan."""
REPORTING = 0.1
"""Seconds that the report takes for each that maps are stored and drawn."""
REPORTED = 400
"""Maps whose figures a report shows."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take, in seconds.

    Attributes:
        jobs: Passes, seconds and memory of each job of an image.
        finishing: Storing and drawing the maps of one image.
        scores: Of each examination of an image's maps.
        run: Of the whole run on all its workers, from the first to the report; without limits of time.
    """

    jobs: list[tuple[Job, Estimate]]
    finishing: float
    scores: list[float]
    run: float


def forecast(plan: Plan) -> Forecast:
    """Try everything that a plan asks for, for a moment, on its first image.

    Raises:
        ModelError: A single point does not fit into memory, or the model has no backward pass.
    """
    jobs, finishing = estimate(plan), time_finishing(plan)
    scores = examination_seconds(plan, [(job, cost.seconds) for job, cost in jobs])
    costs = _Costs(plan, jobs, scores, finishing)
    tickets = list(tickets_of(plan))
    first = STARTING + plan.seconds
    starts = [first + (plan.seconds if number else 0.0) for number in range(len(workers(plan.config)))]
    end = end_of(tickets, costs.of, starts, plan.preparing)
    shown = min(REPORTED, costs.maps * len(plan.own))
    report = REPORTING * finishing.a_map * shown
    return Forecast(jobs, costs.finishing, scores, end + report)


class _Costs:
    """Seconds of jobs by the names of their methods."""

    def __init__(
        self, plan: Plan, jobs: Sequence[tuple[Job, Estimate]], scores: Sequence[float], finishing: Finishing
    ) -> None:
        tasks = [task for job in plan.jobs for task in job.tasks]
        self.maps = sum(map(finishing.maps, tasks))
        self.after = {task.label: finishing.of(task) for task in tasks}
        self.passes = {task.label: cost.seconds / len(job.tasks) for job, cost in jobs for task in job.tasks}
        self.comparing = finishing.compared * self.maps
        names = [ticket.labels for ticket in score_tickets(plan, plan.first.image.name)]
        judging = [seconds for one, seconds in zip(plan.examinations, scores, strict=True) if plan.judged(one)]
        self.scores = dict(zip(names, judging, strict=True))

    @property
    def finishing(self) -> float:
        """Storing and drawing all maps of an image, and comparing them."""
        return sum(self.after.values())

    def of(self, ticket: Ticket) -> float:
        """Seconds of a job with all that comes after its passes."""
        if ticket.kind == "scores":
            return self.scores[ticket.labels]
        if ticket.kind == "agreement":
            return self.comparing
        return sum(self.passes[label] + self.after[label] for label in ticket.labels)


def end_of(
    tickets: Iterable[Ticket], seconds: Callable[[Ticket], float], starts: Sequence[float], preparing: float
) -> float:
    """When the last of some jobs is over, handed out as in a run.

    Args:
        tickets: The jobs.
        seconds: What each takes.
        starts: When each worker is ready.
        preparing: Seconds to read an image and bind its target, each time a worker takes one up.
    """
    queue = Queue(tickets, costly_first=len(starts) > 1)
    turns = [(start, False, worker) for worker, start in enumerate(starts)]
    heapify(turns)
    busy: dict[int, tuple[float, Ticket]] = {}
    at_hand: dict[int, str] = {}
    end = starts[0]
    while queue:
        now, _, worker = heappop(turns)
        busy.pop(worker, None)
        queue.release({ticket.image for _, ticket in busy.values() if ticket.kind == "maps"})
        ticket = queue.next(at_hand.get(worker))
        if ticket is None:  # what is left waits for the maps that others make
            heappush(turns, (min(when for when, _ in busy.values()), True, worker))
            continue
        until = now + seconds(ticket) + (preparing if at_hand.get(worker) != ticket.image else 0.0)
        busy[worker], at_hand[worker], end = (until, ticket), ticket.image, max(end, until)
        heappush(turns, (until, False, worker))
    return end
