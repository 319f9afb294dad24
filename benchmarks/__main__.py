"""`make bench`, or `python -m benchmarks SECTION …`: prints rows as they come and keeps them under `results`."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.datasets import dataset_rows
from benchmarks.local import local_rows
from benchmarks.masks import bare_rows, class_rows, peer_rows, target_rows
from benchmarks.memory import memory_rows
from benchmarks.metrics import metric_rows
from benchmarks.patches import patch_rows
from benchmarks.pictures import picture_rows
from benchmarks.precision import precision_rows
from benchmarks.rules import rule_rows
from benchmarks.speed import alone_rows, gradient_rows, path_rows
from benchmarks.startup import startup_rows
from benchmarks.table import Row, Table, head, line, machine
from benchmarks.workers import worker_rows

RESULTS = Path(__file__).parent / "results"


def mask_rows(pairs: int, quick: bool) -> Iterable[Row]:
    """All there is to say of masks."""
    for rows in (peer_rows, target_rows, class_rows, bare_rows):
        yield from rows(pairs, quick)
    yield from local_rows(quick)


SECTIONS: dict[str, Callable[[int, bool], Iterable[Row]]] = {
    "gradients": gradient_rows,
    "paths": path_rows,
    "alone": alone_rows,
    "memory": memory_rows,
    "rules": rule_rows,
    "masks": mask_rows,
    "metrics": metric_rows,
    "precision": precision_rows,
    "pictures": picture_rows,
    "patches": patch_rows,
    "startup": startup_rows,
    "workers": worker_rows,
    "datasets": dataset_rows,
}
"""Each takes the number of interleaved pairs of short passes and whether it is only to show that it runs."""


def main() -> None:
    """Run sections, all of them where none is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; without: all")
    parser.add_argument("--pairs", type=int, default=15, help="interleaved pairs of short passes")
    parser.add_argument("--quick", action="store_true", help="show that it runs, on small networks; nothing is kept")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}; choose from {', '.join(SECTIONS)}")
    print(machine())
    for name in options.sections or SECTIONS:
        run(name, 2 if options.quick else options.pairs, options.quick)


def run(name: str, pairs: int, quick: bool) -> None:
    """Run a section; a row that is there is not lost when a later one is cut off."""
    table, started, rows = Table(RESULTS, list(SECTIONS)), time.perf_counter(), []
    print(f"\n## {name}\n\n{head()}", flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum warns of the gradients it sets itself
        for row in SECTIONS[name](pairs, quick):
            print(line(row), flush=True)
            rows.append(row)
            if not quick:
                table.add(name, row)
    if not quick:
        table.close(name, rows)
    print(f"\n{time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
