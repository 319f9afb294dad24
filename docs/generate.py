"""Writes the reference pages from the code: `make docs`; with `--check` it only says whether they are up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torchesegeta.config import EvaluationConfig, ExecutionConfig, ImageConfig, ModelConfig, RunConfig
from torchesegeta.datasets import CsvSet, GlobSet
from torchesegeta.executors import LocalExecutor, RayExecutor
from torchesegeta.methods import methods
from torchesegeta.metrics import metrics
from torchesegeta.overview import bounds, default_of, describe_method, describe_metric
from torchesegeta.patches import Patches
from torchesegeta.targets import ClassTarget, ErrorTarget, MulticlassTarget, RegionTarget, ThresholdTarget
from torchesegeta.validation import Strict
from torchesegeta.verdict import Thresholds

HERE = Path(__file__).parent
ENTRIES = """An entry of `methods` is a name, or `{"name": …}` with the method's parameters (see [Methods](methods.md)).
Every method takes two fields more: `label`, its name in this run, needed where a method stands twice; and `timeout_s`,
the seconds it may take for an image. Pictures and estimates keep what they have when the time is over, other maps are
`timeout`."""
PATTERN = """One image for each file. Other texts may hold `{name}`, the file's name without its ending, `{folder}`,
its folder, `{parent}`, the name of that folder, and `{1}`, `{2}`, …, what the wildcards of `glob` stand for:

```json
{"glob": "imagesTr/*_0000.nii.gz", "channels": ["imagesTr/{1}_0001.nii.gz"], "label": "labelsTr/{1}.nii.gz"}
```"""
TABLE = """One image for each row. Paths in a table are relative to it; columns other than these are left alone."""
WORDS: dict[type[Strict], str] = {RunConfig: ENTRIES, GlobSet: PATTERN, CsvSet: TABLE}
MADE = "<!-- Made by `make docs` from the code; changes here are lost. -->\n\n"


def methods_page() -> str:
    """Every method with its parameters, by family."""
    rows = {name: describe_method(method) for name, method in methods().items()}
    lines = ["# Methods", "", "Each works in 2D and 3D, for classifications and segmentations.", ""]
    for family in dict.fromkeys(row["family"] for row in rows.values()):
        lines += [f"## {family}", ""]
        for name, row in rows.items():
            if row["family"] == family:
                lines += _method(name, row)
    return MADE + "\n".join(lines)


def metrics_page() -> str:
    """Every metric with its parameters, by family."""
    rows = {name: describe_metric(metric) for name, metric in metrics().items()}
    lines = ["# Metrics", "", "What they mean, and when not to trust them: [Evaluation](evaluation.md).", ""]
    for family in dict.fromkeys(row["family"] for row in rows.values()):
        lines += [f"## {family}", ""]
        for name, row in rows.items():
            if row["family"] == family:
                lines += _metric(name, row)
    return MADE + "\n".join(lines)


def _metric(name: str, row: dict[str, Any]) -> Iterator[str]:
    yield f"### `{name}`: {row['title']}"
    yield ""
    better = f"; {row['better']} is better" if row["better"] else ""
    label = " Needs a label." if row["needs_label"] else ""
    yield f"{row['summary']} Values: {row['span']}{better}.{label} Source: {row['source']}."
    yield ""
    if row["about"]:
        yield row["about"]
        yield ""
    yield from _fields(row["schema"])


def _method(name: str, row: dict[str, Any]) -> Iterator[str]:
    yield f"### `{name}`: {row['title']}"
    yield ""
    yield f"{row['summary']} Source: {row['source']}. Sweep: `{row['sweep']}`."
    yield ""
    yield from _fields(row["schema"])


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    properties = schema.get("properties", {})
    if not properties:
        return
    yield "| field | default | allowed | meaning |"
    yield "| --- | --- | --- | --- |"
    required = schema.get("required", [])
    for field, about in properties.items():
        default = "required" if field in required else f"`{default_of(about.get('default'))}`"
        yield f"| `{field}` | {default} | {bounds(about)} | {about.get('description', '')} |"
    yield ""


def config_page() -> str:
    """Every field of the config."""
    lines = [
        "# The config",
        "",
        "One JSON file. Relative paths are relative to it. Unknown fields are refused, with the nearest name.",
        "",
    ]
    parts: list[tuple[str, type[Strict]]] = [
        ("The run", RunConfig),
        ("`model`", ModelConfig),
        ("`images[]`: an image", ImageConfig),
        ("`images[]`: files that match a pattern", GlobSet),
        ("`images[]`: a table", CsvSet),
        ("`patches`", Patches),
        ("`evaluation`", EvaluationConfig),
        ("`evaluation.verdict`", Thresholds),
        ("`execution`", ExecutionConfig),
        ("`executor` of kind `local`", LocalExecutor),
        ("`executor` of kind `ray`", RayExecutor),
        ("`target` of kind `class`", ClassTarget),
        ("`target` of kind `multiclass`", MulticlassTarget),
        ("`target` of kind `threshold`", ThresholdTarget),
        ("`target` of kind `region`", RegionTarget),
        ("`target` of kind `error`", ErrorTarget),
    ]
    for title, model in parts:
        lines += [f"## {title}", "", *_fields(model.model_json_schema(by_alias=True))]
        lines += [WORDS[model], ""] if model in WORDS else []
    return MADE + "\n".join(lines)


def main() -> None:
    """Write the pages, or check them.

    Raises:
        SystemExit: A page is not up to date.
    """
    pages = {"methods.md": methods_page(), "metrics.md": metrics_page(), "config.md": config_page()}
    stale = [n for n, text in pages.items() if not (HERE / n).is_file() or (HERE / n).read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        raise SystemExit(f"stale: {', '.join(stale)}; run `make docs`" if stale else 0)
    for name in stale:
        (HERE / name).write_text(pages[name], encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
