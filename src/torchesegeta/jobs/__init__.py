"""A job: one sweep of one image, with all methods that read it."""

from torchesegeta.jobs.job import Job, Task, any_rule, deadline_within, group, jobs_for
from torchesegeta.jobs.reasons import OUT_OF_MEMORY, reason_of, status_of
from torchesegeta.jobs.results import attribution
from torchesegeta.jobs.running import AT_PATCH_SIZE, run_job

__all__ = [
    "AT_PATCH_SIZE",
    "OUT_OF_MEMORY",
    "Job",
    "Task",
    "any_rule",
    "attribution",
    "deadline_within",
    "group",
    "jobs_for",
    "reason_of",
    "run_job",
    "status_of",
]
