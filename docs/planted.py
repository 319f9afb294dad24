"""Holds every method against planted truths and writes `planted.md` and `planted.csv`: `python -m docs.planted`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from torchesegeta.planted import FOUND, PARTLY, Finding, as_csv, as_markdown, cases, check

HERE = Path(__file__).parent
NOTES = HERE / "planted_notes.md"


def page(found: list[Finding], notes: str) -> str:
    """The page: notes written by hand, with the cases and the table put in their place."""
    about = "\n".join(f"- **{case.title}**: {case.about}." for case in cases())
    words = f"Found is an AUC or a mass of {FOUND:g} or more, in part {PARTLY:g}.\n"
    before, _, after = notes.partition("<!-- table -->\n")
    made = "<!-- Made by `python -m docs.planted` from planted_notes.md; changes here are lost. -->\n\n"
    return f"{made}{before}{about}\n\n{words}\n{as_markdown(found)}{after}"


def main() -> None:
    """Run it."""
    found: list[Finding] = []
    for case in cases():
        begun = time.perf_counter()
        found += check(case)
        print(f"{case.title}: {time.perf_counter() - begun:.1f} s", file=sys.stderr, flush=True)
    (HERE / "planted.csv").write_text(as_csv(found), encoding="utf-8")
    (HERE / "planted.md").write_text(page(found, NOTES.read_text("utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
