"""Who runs the workers of a run: this machine, or a Ray cluster."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from torchesegeta.validation import Strict

KINDS = ("local", "ray")
ADDRESS = re.compile(r"(ray://)?[^\s:/]+:\d{1,5}")


class LocalExecutor(Strict):
    """Processes on this machine."""

    kind: Literal["local"] = Field("local", description="Processes on this machine.")


class RayExecutor(Strict):
    """Processes on the nodes of a Ray cluster."""

    kind: Literal["ray"] = Field(description="Processes on the nodes of a Ray cluster (extra 'cluster').")
    address: str | None = Field(
        "auto",
        description="Of the cluster: 'auto', the one this machine belongs to; 'host:port'; 'ray://host:port', from a "
        "machine outside it; null: one of this machine alone, for as long as the run takes.",
    )
    workers: int | None = Field(
        None, ge=1, description="How many, also more than there is place for now; without: as many as the nodes have."
    )
    cpus_per_worker: int = Field(1, ge=1, description="CPUs that a worker reserves, and its threads.")
    results: Literal["folder", "objects"] = Field(
        "folder",
        description="How maps come back: all nodes see the run folder, under its path here, or maps are sent here.",
    )
    wait_s: float = Field(
        60, gt=0, allow_inf_nan=False, description="Seconds to wait for a place while no worker has one."
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value not in (None, "auto") and not ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r} is not allowed; allowed: 'auto', null, 'host:port', 'ray://host:port'")
        return value


Executor = Annotated[LocalExecutor | RayExecutor, Field(discriminator="kind")]
