"""What `methods`, `layers` and `plan` show: as values for JSON, and as text that fits the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from inspect import cleandoc
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from torch import nn

from torchesegeta.errors import ConfigError, unknown
from torchesegeta.execute.forecast import forecast
from torchesegeta.jobs import Job
from torchesegeta.methods import Method, methods
from torchesegeta.metrics import Metric, metrics
from torchesegeta.models import format_of
from torchesegeta.plan import Plan, workers
from torchesegeta.sweeps import LayerInfo, Sweep
from torchesegeta.verdict import in_short, read_verdicts

Row = dict[str, Any]

PIPED = 120
"""Columns of running text where there is no terminal; tables get what they need, a row a line."""


def method_rows(name: str | None = None) -> dict[str, Row]:
    """Every method, or one, with its parameters as a JSON schema.

    Raises:
        ConfigError: There is no such method.
    """
    known = methods()
    if name is not None and name not in known:
        raise ConfigError(unknown("method", name, known))
    return {n: describe_method(m) for n, m in known.items() if name in (None, n)}


def describe_method(method: type[Method]) -> Row:
    """A method class as JSON."""
    return {
        "title": method.title,
        "family": method.family,
        "summary": method.summary(),
        "source": method.source,
        "sweep": names_of(method().sweeps()),
        "spatial_dims": list(method.spatial_dims),
        "schema": method.model_json_schema(),
    }


def metric_rows(name: str | None = None) -> dict[str, Row]:
    """Every metric, or one, with its parameters as a JSON schema.

    Raises:
        ConfigError: There is no such metric.
    """
    known = metrics()
    if name is not None and name not in known:
        raise ConfigError(unknown("metric", name, known))
    return {n: describe_metric(m) for n, m in known.items() if name in (None, n)}


def describe_metric(metric: type[Metric]) -> Row:
    """A metric class as JSON."""
    return {
        "title": metric.title,
        "family": metric.family,
        "summary": metric.summary(),
        "about": cleandoc(metric.__doc__ or "").partition("\n")[2].strip(),
        "source": metric.source,
        "better": metric.better,
        "span": metric.span,
        "needs_label": metric.needs_label,
        "schema": metric.model_json_schema(),
    }


def print_metric(name: str, row: Row) -> None:
    """One metric with its parameters."""
    better = f"; {row['better']} is better" if row["better"] else ""
    _show(Text(f"{name}: {row['title']}", "bold"), row["summary"], f"Source: {row['source']}; {row['span']}{better}")
    _show_fields(row["schema"])


def names_of(sweeps: Iterable[Sweep]) -> str:
    """The kinds of sweeps that are run one after the other: "Gradient + Optimise"."""
    return " + ".join(dict.fromkeys(type(sweep).__name__ for sweep in sweeps))


def print_methods(rows: dict[str, Row]) -> None:
    """All methods or metrics, by family."""
    width = max(map(len, rows))
    for family in dict.fromkeys(row["family"] for row in rows.values()):
        table = _table(("", "name"), ("", "text"), header=False)
        for name, row in rows.items():
            if row["family"] == family:
                table.add_row(name.ljust(width), row["summary"])
        _show(Text(family, "bold"), table, "")


def print_method(name: str, row: Row) -> None:
    """One method with its parameters."""
    _show(Text(f"{name}: {row['title']}", "bold"), row["summary"], f"Source: {row['source']}; sweep: {row['sweep']}")
    _show_fields(row["schema"])


def _show_fields(of: Row) -> None:
    properties = of.get("properties", {})
    if properties:
        _show("", Text("Parameters", "bold"))
    for field, schema in properties.items():
        allowed = bounds(schema)
        head = f"{field} = {default_of(schema.get('default'))}"
        _show(Padding(f"{head}    ({allowed})" if allowed else head, (0, 2)))
        _show(Padding(schema.get("description", ""), (0, 6)))


def default_of(value: Any) -> str:
    """A default value, as a user would write it."""
    if isinstance(value, dict) and "kind" in value:
        return str(value["kind"])
    return str(value)


def bounds(schema: Row) -> str:
    """Bounds or allowed values of a field, in words."""
    names = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {schema[key]:g}" for key, sign in names.items() if key in schema]
    return ", ".join(limits or [str(v) for v in schema.get("enum", [])])


def layer_rows(model: nn.Module, layers: Iterable[LayerInfo]) -> list[Row]:
    """The model's layers, in order of execution.

    Raises:
        IncompatibleError: The model's format shows none.
    """
    format_of(model).need_layers()
    return [
        {
            "name": info.name,
            "kind": info.kind,
            "shapes": [list(s) for s in info.shapes],
            "calls": info.calls,
            "parameters": info.parameters,
        }
        for info in layers
    ]


def print_layers(rows: list[Row]) -> None:
    """The layers as a table; of those that are called several times, the name of each call."""
    table = _table(("layer", "name"), ("kind", "text"), ("output", "name"), ("parameters", "number"))
    for row in rows:
        name, calls = row["name"], row["calls"]
        shown = name if calls == 1 else f"{name}#0 … {name}#{calls - 1}"
        shapes = " ".join("×".join(map(str, shape)) for shape in row["shapes"])
        table.add_row(shown, row["kind"], shapes, f"{row['parameters']:,}")
    _show(table)


def plan_rows(plan: Plan) -> Row:
    """The run as planned: images, targets, and for each image the jobs with sweep, methods, passes, time, memory."""
    found = forecast(plan)
    costs = found.jobs
    jobs: list[Row] = [
        {
            "sweep": names_of(job.sweeps),
            "specification": "; ".join(map(repr, job.sweeps)),
            "methods": [task.label for task in job.tasks],
            "places": sum(len(task.places) for task in job.tasks),
            "passes": cost.passes,
            "seconds": round(cost.seconds, 2),
            "memory_bytes": cost.memory,
        }
        for job, cost in costs
    ]
    bound = plan.first.bound
    return {
        "images": [image.name for image in plan.own],
        "targets": [name for name in bound.names if name not in bound.incompatible],
        "incompatible": bound.incompatible,
        "device": str(plan.runner.device),
        "workers": workers(plan.config),
        "executor": plan.config.execution.executor.model_dump(mode="json"),
        "timeout_s": plan.config.execution.timeout_s,
        "jobs": jobs,
        "evaluation": [
            {
                "metrics": [wanted.label for wanted in one.metrics],
                "methods": plan.judged(one),
                "passes": passes,
                "seconds": round(seconds, 2),
            }
            for one, passes, seconds in zip(plan.examinations, plan.score_passes, found.scores, strict=True)
        ],
        "seconds": round(sum(_in_all(plan, job, cost.seconds) for job, cost in costs), 2),
        "finishing_seconds": round(found.finishing * len(plan.own), 2),
        "run_seconds": round(found.run, 2),
        "warnings": plan.warnings,
    }


def _in_all(plan: Plan, job: Job, seconds: float) -> float:
    """Seconds of a job over all images; what pictures the model itself runs once."""
    once = all(task.method.of_model for task in job.tasks)
    return seconds * (1 if once else len(plan.own))


def print_verdicts(folder: Path) -> None:
    """The verdicts of a run, a row per method, with what was asked below.

    Raises:
        StoreError: They cannot be read.
    """
    found = read_verdicts(folder)
    if found is None:
        _show("No verdict: no score answers one of its questions.")
        return
    questions = found["questions"]
    table = _table(("method", "name"), ("in all", "name"), *((question["name"], "name") for question in questions))
    for verdict in found["verdicts"]:
        where = f" at {verdict['layer']}" if verdict["layer"] else ""
        cells = [in_short(verdict["answers"][question["name"]]) for question in questions]
        table.add_row(verdict["label"] + where, verdict["word"], *cells)
    _show(table, "")
    for question in questions:
        _show(f"{question['name']}: {question['text']} The number is the {question['figure']}: {question['rule']}.")


def print_planted(names: list[str] | None, folder: Path | None) -> None:
    """Hold methods against planted truths, case by case, and print what each found.

    Args:
        names: Registry names; None: all.
        folder: Gets the table as `planted.csv`; None: nobody.

    Raises:
        ConfigError: A name is not known.
        StoreError: The table cannot be written.
    """
    from torchesegeta.planted import PLANTED, as_text, cases, check, chosen, write_csv

    wanted, found = chosen(names), []
    for case in cases():
        found += list(check(case, wanted))
        words = [one.word for one in found if (one.case, one.dims) == (case.name, case.dims)]
        counts = ", ".join(f"{words.count(word)} {word}" for word in ("found", "partly", "missed"))
        _show(f"{case.title}: {counts}, {words.count(None)} without a map")
    table = _table(("method", "name"), *((case.title, "name") for case in cases()))
    for row in as_text(found):
        table.add_row(*row)
    _show("", table)
    if folder is not None:
        write_csv(folder / PLANTED, found)
        _show("", str(folder / PLANTED))


def print_plan(plan: Row) -> None:
    """The plan as a table, with the sum over all images."""
    table = _table(
        ("sweep", "name"),
        ("forward", "number"),
        ("backward", "number"),
        ("time", "number"),
        ("memory", "number"),
        ("methods that share it", "text"),
    )
    for job in plan["jobs"]:
        passes, memory = job["passes"], in_units(job["memory_bytes"])
        cells = (f"{passes['forward']:,}", f"{passes['backward']:,}", in_time(job["seconds"]), memory)
        table.add_row(job["sweep"], *cells, ", ".join(job["methods"]))
    _show(table, "")
    if plan["evaluation"]:
        _show(_evaluation_table(plan["evaluation"]), "")
    images = plan["images"]
    about = f"{len(images)} images, each as above" if len(images) > 1 else images[0]
    targets = [f"class {name}" if name.isdigit() else name for name in plan["targets"]]
    _show(f"Image: {about}. Targets: {', '.join(targets) or 'none'}. {_who(plan)}")
    _show(_in_parts(plan))
    if plan["executor"]["kind"] == "ray":
        _show(f"Time and memory were measured on this machine, on {plan['device']}.")
    if plan["timeout_s"] is not None:
        _show(f"The run ends after {in_time(plan['timeout_s'])} at the latest; what is not begun then has no maps.")
    _show("Memory is that of a whole worker at its peak." if plan["device"] == "cpu" else "Memory is the GPU's.")
    for reason in plan["incompatible"].values():
        _show(f"note: {reason}")
    for warning in plan["warnings"]:
        _show(f"warning: {warning}")


def _in_parts(plan: Row) -> str:
    """What the run takes, and of what that is made up."""
    judging = sum(row["seconds"] for row in plan["evaluation"]) * len(plan["images"])
    parts = [f"{in_time(plan['seconds'])} of passes", f"{in_time(plan['finishing_seconds'])} to store and draw maps"]
    parts += [f"{in_time(judging)} to judge them"] if plan["evaluation"] else []
    shared = ", shared by the workers" if len(plan["workers"]) > 1 else ""
    return f"About {in_time(plan['run_seconds'])} from beginning to end: {', '.join(parts)}{shared}."


def _who(plan: Row) -> str:
    """Who runs it: "Workers: 2 on cpu.", "Executor: Ray at auto, 8 workers."."""
    executor = plan["executor"]
    if executor["kind"] == "local":
        return _workers(plan["workers"])
    count = f"{executor['workers']} workers" if executor["workers"] else "as many workers as its nodes have place for"
    where = f"at {executor['address']}" if executor["address"] else "on this machine"
    return f"Executor: Ray {where}, {count}."


def _evaluation_table(rows: list[Row]) -> Table:
    """What judges the maps of each image, and about how many passes and how long it takes."""
    table = _table(("metrics", "text"), ("passes", "number"), ("time", "number"), ("methods that are judged", "text"))
    for row in rows:
        cells = (f"{row['passes']:,}", in_time(row["seconds"]))
        table.add_row(", ".join(row["metrics"]), *cells, ", ".join(row["methods"]))
    return table


def _workers(devices: list[str]) -> str:
    """How many there are, and where: "Workers: 2 on cuda:0, 2 on cuda:1."."""
    counts = [f"{devices.count(device)} on {device}" for device in dict.fromkeys(devices)]
    return f"Worker{'s' if len(devices) > 1 else ''}: {', '.join(counts)}."


def in_time(seconds: float) -> str:
    """Seconds in words: "2.4 s", "3 min 20 s", "1 h 5 min"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def in_units(count: int) -> str:
    """Bytes in words: "250 MiB", "1.4 GiB"."""
    mebi = count / 2**20
    return f"{mebi:,.0f} MiB" if mebi < 1000 else f"{mebi / 1024:,.1f} GiB"


def _table(*columns: tuple[str, str], header: bool = True) -> Table:
    """A table without lines: names and numbers are never cut off, text is wrapped."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=header)
    for title, kind in columns:
        right = kind == "number"
        table.add_column(title, justify="right" if right else "left", no_wrap=kind != "text", overflow="fold")
    return table


def _show(*parts: RenderableType) -> None:
    """Print, without blanks at the ends of lines, as wide as the terminal; where there is none, as wide as needed."""
    console = Console(highlight=False, markup=False, emoji=False)
    for part in parts:
        if not console.is_terminal:
            console.width = 10_000 if isinstance(part, Table) else PIPED
        with console.capture() as capture:
            console.print(part)
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in _lines(capture.get())))


def _lines(text: str) -> Iterable[str]:
    return text.splitlines() or [""]
