"""Writes the report of a run folder."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchesegeta.ledger import replacing
from torchesegeta.report import chapters, learnt, trust, words
from torchesegeta.report.catalogue import Catalogue, registered
from torchesegeta.report.gathering import gather
from torchesegeta.report.records import Run, read

if TYPE_CHECKING:
    from jinja2 import Environment

NAME = "report.html"
FIGURES, ROWS = 400, 5000
"""Figures and maps that are shown; of more, those of the first images."""
MOST_IMAGES = 50
"""Images of the config that are listed."""


def write_report(run: Path | str, *, catalogue: Catalogue | None = None) -> Path:
    """Write `report.html` into a run folder: one file that needs no other and no network.

    Of a folder of shards it is that of all of them, and so are the tables of scores that are written with it.

    The folder may hold a run that is still going on, was interrupted, or made nothing.

    Args:
        run: The run folder.
        catalogue: What is said about each method; None takes the registry's.

    Returns:
        The report's path.

    Raises:
        StoreError: It is no run folder, or it cannot be written to.
    """
    folder = Path(run)
    gather(folder)
    content = render(read(folder), registered() if catalogue is None else catalogue)
    with replacing(folder / NAME) as stream:
        stream.write(content.encode())
    return folder / NAME


def render(run: Run, catalogue: Catalogue) -> str:
    """The report as HTML."""
    about, shown = run.about, run.first(FIGURES, ROWS)
    album = chapters.album_of(shown)
    return (
        _environment()
        .get_template("report.html")
        .render(
            run=run,
            about=about,
            subject=chapters.subject(run),
            counts=chapters.counts(run),
            warnings=chapters.warnings(run, catalogue),
            reasons=chapters.reasons(run, catalogue),
            shown=shown,
            shares=chapters.shares(run, catalogue) if shown is not run else (),
            rows=chapters.rows(shown, catalogue),
            families=chapters.families(shown, catalogue, album),
            learnt=learnt.chapter(shown, catalogue, album),
            trust=trust.chapter(run, catalogue, album),
            config=json.dumps(_shortened(about.get("config")), ensure_ascii=False, indent=2),
            words=words,
        )
    )


def _shortened(config: Any) -> Any:
    """The config with the first of many images."""
    images = config.get("images") if isinstance(config, dict) else None
    if not isinstance(images, list) or len(images) <= MOST_IMAGES:
        return config
    rest = f"and {len(images) - MOST_IMAGES} more; all are in run.json"
    return {**config, "images": [*images[:MOST_IMAGES], rest]}


@cache
def _environment() -> Environment:
    from jinja2 import ChainableUndefined, DictLoader, Environment

    folder = files("torchesegeta.report") / "templates"
    sources = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.is_file()}
    settings: dict[str, Any] = {"autoescape": True, "undefined": ChainableUndefined, "trim_blocks": True}
    return Environment(loader=DictLoader(sources), lstrip_blocks=True, **settings)
