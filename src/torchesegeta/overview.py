"""What `methods`, `layers` and `plan` show: as rows for JSON, and as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from torchesegeta.errors import ConfigError, unknown
from torchesegeta.methods import Method, methods
from torchesegeta.plan import Plan, estimate

Rows = list[dict[str, Any]]


def method_rows(name: str | None = None) -> dict[str, dict[str, Any]]:
    """Every method, or one, with its parameters as a JSON schema.

    Raises:
        ConfigError: There is no such method.
    """
    known = methods()
    if name is not None and name not in known:
        raise ConfigError(unknown("method", name, known))
    return {n: describe_method(m) for n, m in known.items() if name in (None, n)}


def describe_method(method: type[Method]) -> dict[str, Any]:
    """A method class as JSON."""
    return {
        "title": method.title,
        "family": method.family,
        "summary": method.summary(),
        "source": method.source,
        "sweep": type(method().sweeps()[0]).__name__,
        "spatial_dims": list(method.spatial_dims),
        "schema": method.model_json_schema(),
    }


def print_methods(rows: dict[str, dict[str, Any]]) -> None:
    """All methods, by family."""
    console = Console(highlight=False)
    for family in dict.fromkeys(row["family"] for row in rows.values()):
        table = Table("method", "sweep", "what it shows", title=family, title_justify="left", box=None, padding=(0, 2))
        for name, row in rows.items():
            if row["family"] == family:
                table.add_row(name, row["sweep"], row["summary"])
        console.print(table, "")


def print_method(name: str, row: dict[str, Any]) -> None:
    """One method with its parameters."""
    console = Console(highlight=False, markup=False)
    console.print(f"{row['title']} ({name})\n{row['summary']}\nSource: {row['source']}\nSweep: {row['sweep']}\n")
    table = Table("parameter", "default", "bounds", "meaning", box=None, padding=(0, 2))
    for field, schema in row["schema"].get("properties", {}).items():
        table.add_row(field, _default(schema.get("default")), bounds(schema), schema.get("description", ""))
    console.print(table)


def _default(value: Any) -> str:
    if isinstance(value, dict) and "kind" in value:
        return str(value["kind"])
    return str(value)


def bounds(schema: dict[str, Any]) -> str:
    """Bounds or allowed values of a field, in words."""
    names = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[key]:g}" for key, sign in names.items() if key in schema]
    return ", ".join(limits or [str(v) for v in schema.get("enum", [])])


def layer_rows(plan: Plan) -> Rows:
    """The model's layers, in order of execution."""
    return [
        {
            "name": info.name,
            "kind": info.kind,
            "shapes": [list(s) for s in info.shapes],
            "calls": info.calls,
            "parameters": info.parameters,
        }
        for info in plan.layers
    ]


def print_layers(rows: Rows) -> None:
    """The layers as a table."""
    table = Table("layer", "kind", "output", "calls", "parameters", box=None, padding=(0, 2))
    for row in rows:
        shapes = " ".join("×".join(map(str, s)) for s in row["shapes"])
        table.add_row(row["name"], row["kind"], shapes, str(row["calls"]), f"{row['parameters']:,}")
    Console(highlight=False).print(table)


def plan_rows(plan: Plan) -> Rows:
    """The jobs for each image: sweep, methods, passes, seconds, memory."""
    return [
        {
            "sweep": type(job.sweep).__name__,
            "specification": repr(job.sweep),
            "methods": [task.label for task in job.tasks],
            "maps": sum(len(task.places) for task in job.tasks),
            "passes": cost.passes,
            "seconds": round(cost.seconds, 2),
            "memory_bytes": cost.memory,
        }
        for job, cost in estimate(plan)
    ]


def print_plan(plan: Plan, rows: Rows) -> None:
    """The plan as a table, with the sum over all images."""
    console = Console(highlight=False, markup=False)
    table = Table("sweep", "forward", "backward", "time", "memory", "methods that share it", box=None, padding=(0, 2))
    for row in rows:
        passes = row["passes"]
        memory = f"{row['memory_bytes'] / 2**20:,.0f} MiB"
        table.add_row(
            row["sweep"],
            str(passes["forward"]),
            str(passes["backward"]),
            f"{row['seconds']:.1f} s",
            memory,
            ", ".join(row["methods"]),
        )
    console.print(table)
    images, seconds = len(plan.images), sum(row["seconds"] for row in rows)
    names = [n for n in plan.first.bound.names if n not in plan.first.bound.incompatible]
    console.print(
        f"\n{images} image(s), targets: {', '.join(names)}; "
        f"about {images * seconds:.0f} s of passes in all, without figures"
    )
    for warning in plan.warnings:
        console.print(f"warning: {warning}")
