"""Messages of the config's checks, taken apart into fields."""

from __future__ import annotations

import re

FIELD = re.compile(r"(?P<path>[a-z_]\w*(?:\.\w+|\[\d+\])*): (?P<text>.+)", re.DOTALL)
"""A line such as "methods[0].steps: …"."""


def by_field(message: str) -> dict[str, str]:
    """What is wrong, by the path of a field; lines that name none are put together under "config"."""
    found: dict[str, str] = {}
    for line in message.splitlines():
        match = FIELD.fullmatch(line.strip())
        path, text = (match["path"], match["text"]) if match else ("config", line.strip())
        if text:
            found[path] = f"{found[path]}; {text}" if path in found else text
    return found
