"""How long the command line takes to answer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.table import Row


def startup_rows(pairs: int, quick: bool) -> list[Row]:
    """`esegeta --help`."""
    command = [str(Path(sys.executable).parent / "esegeta"), "--help"]
    times = []
    for _ in range(pairs):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return [Row("esegeta --help", "", f"{median:.2f} s", f"{low:.2f}–{high:.2f}", "< 0.5 s", median < 0.5)]
