"""`make bench`: prints the table and keeps it under `benchmarks/results`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from benchmarks.memory import memory_rows
from benchmarks.speed import alone_rows, fused_rows, quiet
from benchmarks.startup import startup_rows
from benchmarks.subject import Subject
from benchmarks.table import keep, machine, markdown


def main() -> None:
    """Run all, or with `--quick` a few pairs on a small network, to see that it runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few pairs on a small network; the figures mean nothing")
    quick = parser.parse_args().quick
    subject = Subject(16, (4, 8, 8, 8)) if quick else Subject()
    started = time.perf_counter()
    rows = [
        *quiet(lambda: fused_rows(subject, 1 if quick else 3, 3 if quick else 20)),
        *quiet(lambda: alone_rows(subject, 2 if quick else 15)),
        *([] if quick else memory_rows()),
        *startup_rows(),
    ]
    print(f"{machine()}; {time.perf_counter() - started:.0f} s\n\n{markdown(rows)}")
    keep(rows, Path(__file__).parent / "results")


if __name__ == "__main__":
    main()
