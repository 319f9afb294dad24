"""Sets of images in a config: files that match a pattern, or the rows of a table, become one entry per image."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from glob import glob
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from torchesegeta.errors import ConfigError, unknown
from torchesegeta.validation import Strict, describe

Entry = dict[str, Any]
"""`path`, perhaps `label` and `name`, as an entry of the config's `images`."""

WILDCARD = re.compile(r"\*\*/|\*+|\?|\[[^\]]+\]")
COLUMNS = ("path", "label", "name")
SEVERAL = "|"
"""Between the paths of several channels in one cell of a table."""
ALIKE = 0.8
"""How like a column's name is to a known one, from 0 to 1, to be taken for a slip of the pen."""


class GlobSet(Strict):
    """The files that match a pattern, one image each, in the order of their paths.

    Texts may hold `{name}`, the file's name without its ending, `{folder}`, its folder, `{parent}`, that folder's name,
    and `{1}`, `{2}`, …: what the first, second, … wildcard stands for.
    """

    glob: str = Field(
        min_length=1, description="Pattern with *, ?, [a-z], and ** for any folders; matches are sorted by path."
    )
    channels: tuple[str, ...] = Field((), description="Files of the further channels, as 'images/{1}_0001.nii.gz'.")
    label: str | None = Field(None, description="The reference segmentation, as 'labels/{name}.nii.gz'.")
    name: str | None = Field(None, description="Name in the run, as '{parent}'; without: the file's.")


class CsvSet(Strict):
    """The rows of a table, one image each. Paths are relative to the table; other columns are left alone."""

    csv: Path = Field(
        description="A table with a head: path (several channels with | between them) or path_1, path_2, …; label and "
        "name where there are any. Separated by commas, semicolons or tabs."
    )


def expand(images: Any, folder: Path) -> Any:
    """The config's `images` with every set in its place as entries of single images.

    Args:
        images: As in the JSON file: one entry or set, or a list of them; what is neither is left to others to refuse.
        folder: Of the config.

    Raises:
        ConfigError: A pattern that matches nothing, a table that cannot be read, a file that does not exist.
    """
    listed = [images] if isinstance(images, Mapping) else images
    if not isinstance(listed, list | tuple):
        return images
    return [entry for number, item in enumerate(listed) for entry in _expanded(item, f"images[{number}]", folder)]


def _expanded(item: Any, field: str, folder: Path) -> Iterator[Any]:
    kind = next((kind for name, kind in (("glob", GlobSet), ("csv", CsvSet)) if _has(item, name)), None)
    if kind is None:
        yield item
        return
    try:
        found = kind.model_validate(item)
    except ValidationError as error:
        raise ConfigError(describe(error, field)) from error
    yield from matches(found, field, folder) if isinstance(found, GlobSet) else rows(found, field, folder)


def _has(item: Any, name: str) -> bool:
    return isinstance(item, Mapping) and name in item


def matches(found: GlobSet, field: str, folder: Path) -> Iterator[Entry]:
    """An entry for every file that matches; the files it names besides exist.

    Raises:
        ConfigError: None matches, or a text holds an unknown name in braces, or a file does not exist.
    """
    files = [path for path in sorted(glob(found.glob, root_dir=folder, recursive=True)) if (folder / path).is_file()]
    if not files:
        raise ConfigError(f"{field}.glob: no file matches {found.glob!r} in {folder}")
    wildcards = _wildcards(found.glob)
    for file in files:
        names = _names(file, wildcards, folder)
        further = [_fill(text, names, f"{field}.channels[{number}]") for number, text in enumerate(found.channels)]
        entry: Entry = {"path": [file, *further]}
        entry |= {"label": _fill(found.label, names, f"{field}.label")} if found.label is not None else {}
        _check(folder, entry, {"path": f"{field}.channels", "label": f"{field}.label"}, f"for {file}: ")
        yield entry | ({"name": _fill(found.name, names, f"{field}.name")} if found.name is not None else {})


def _wildcards(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression, with a group for every wildcard."""
    groups = {"**/": "((?:.*/)?)", "**": "(.*)", "*": "([^/]*)", "?": "([^/])"}
    parts, end = [], 0
    for match in WILDCARD.finditer(pattern):
        token = match.group()
        wild = groups.get(token) or f"({token.replace('[!', '[^')})"
        parts += [re.escape(pattern[end : match.start()]), wild]
        end = match.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]))


def _names(file: str, wildcards: re.Pattern[str], folder: Path) -> dict[str, str]:
    from torchesegeta.inputs.formats import FORMATS

    path = Path(file)
    ending = next((e for e in FORMATS if path.name.lower().endswith(e)), path.suffix)
    match = wildcards.fullmatch(file)
    stars = {str(n): (text or "").rstrip("/") for n, text in enumerate(match.groups() if match else (), 1)}
    stem = path.name[: -len(ending)] if ending else path.name
    return {"name": stem, "folder": path.parent.as_posix(), "parent": (folder / path).parent.name, **stars}


def _fill(text: str, names: Mapping[str, str], field: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match.group(1) not in names:
            raise ConfigError(f"{field}: {unknown('placeholder', match.group(1), names)}")
        return names[match.group(1)]

    return re.sub(r"\{([^{}]*)\}", value, text)


def _check(folder: Path, entry: Entry, fields: Mapping[str, str], whose: str) -> None:
    """Refuse an entry one of whose files does not exist."""
    for key, field in fields.items():
        given = entry.get(key)
        for file in [given] if isinstance(given, str) else given or ():
            path = folder / file
            if not path.is_file():
                raise ConfigError(f"{field}: {whose}{_missing(path)}")


def _missing(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {str(path.parent)!r} does not exist"
    best = get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1, cutoff=0.5)
    nearest = f"; nearest: {best[0]!r}" if best else ""
    return f"file {path.name!r} does not exist in {path.parent}{nearest}"


def rows(found: CsvSet, field: str, folder: Path) -> Iterator[Entry]:
    """An entry for every row of a table; its files exist.

    Raises:
        ConfigError: The table cannot be read, lacks a column or a value, or a row names a file that does not exist.
    """
    table = folder / found.csv
    head, lines = _read(table, f"{field}.csv")
    paths = _path_columns(head, f"{field}.csv: {table.name}")
    if not lines:
        raise ConfigError(f"{field}.csv: {table.name} has no rows")
    for number, line in lines:
        where = f"{field}.csv: row {number} of {table.name}"
        cells = dict(zip(head, line, strict=False))
        given = [part.strip() for name in paths for part in cells.get(name, "").split(SEVERAL) if part.strip()]
        if not given:
            raise ConfigError(f"{where}: {paths[0]} is empty")
        entry: Entry = {"path": given} | {n: cells[n] for n in ("label", "name") if cells.get(n)}
        _check(table.parent, entry, {"path": f"{where}: path", "label": f"{where}: label"}, "")
        yield entry | {"path": [str(table.parent / p) for p in given]} | _label(entry, table.parent)


def _label(entry: Entry, folder: Path) -> Entry:
    return {"label": str(folder / entry["label"])} if "label" in entry else {}


def _read(table: Path, field: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Head and rows of a table, with the lines they stand in; empty lines are left out."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            reader = csv.reader(stream, delimiter=max(",;\t", key=first.count), strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if any(line)]
    except FileNotFoundError as error:
        near = [p.name for p in table.parent.iterdir()] if table.parent.is_dir() else []
        raise ConfigError(f"{field}: {unknown('file', table.name, near, where=f'in {table.parent}')}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{field}: {table} cannot be read as a table: {error}") from error
    if not lines:
        raise ConfigError(f"{field}: {table.name} is empty")
    return lines[0][1], lines[1:]


def _path_columns(head: Sequence[str], where: str) -> list[str]:
    """The columns of the channels, in order.

    Raises:
        ConfigError: There is none, one stands twice, or another column's name is nearly a known one.
    """
    twice = next((name for name in head if head.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{where}: the column {twice!r} stands {head.count(twice)} times")
    numbered = sorted((n for n in head if re.fullmatch(r"path_\d+", n)), key=lambda name: int(name[5:]))
    if "path" in head and numbered:
        raise ConfigError(f"{where}: it has both 'path' and {numbered[0]!r}; keep one kind")
    if "path" not in head and not numbered:
        raise ConfigError(f"{where}: {unknown('column', 'path', head)}")
    for name in head:
        known = name in COLUMNS or name in numbered
        if not known and (near := get_close_matches(name.lower(), COLUMNS, n=1, cutoff=ALIKE)):
            raise ConfigError(f"{where}: column {name!r}: is {near[0]!r} meant? Rename it")
    return numbered or ["path"]
