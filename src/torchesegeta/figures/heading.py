"""Title and small print of a figure: method, target, layer; parameters, measures, warnings, status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torchesegeta.figures.measures import told
from torchesegeta.figures.page import MARGIN, Page, line_height, wrap
from torchesegeta.figures.style import Style
from torchesegeta.types import Attribution

HOUSEKEEPING = {"name", "label", "timeout_s", "channels", "layers", "unknown"}
"""Parameters that do not change what a map means, or that are said elsewhere."""

SHOWN_PARAMETERS = 8


@dataclass(frozen=True)
class Heading:
    """The words above the panels.

    Attributes:
        title: Lines of the title.
        notes: Lines of small print.
        alerts: Lines of warnings.
        style: Text sizes and colours.
    """

    title: Sequence[str]
    notes: Sequence[str]
    alerts: Sequence[str]
    style: Style

    @property
    def height(self) -> float:
        """Inches it takes, the gap beneath it included."""
        small = line_height(self.style.text_size) * (len(self.notes) + len(self.alerts))
        return MARGIN + line_height(self.style.title_size) * len(self.title) + small + 0.06

    def draw(self, page: Page) -> None:
        """Write it at the top of the page."""
        top, style = MARGIN, self.style
        for lines, size, colour, weight in (
            (self.title, style.title_size, style.ink, "bold"),
            (self.notes, style.text_size, style.muted, "normal"),
            (self.alerts, style.text_size, style.alert, "normal"),
        ):
            if lines:
                page.text(MARGIN, top, "\n".join(lines), size=size, color=colour, weight=weight, linespacing=1.15)
            top += line_height(size) * len(lines)


@dataclass(frozen=True)
class Words:
    """What stands above the panels, before it is broken into lines."""

    title: str
    notes: Sequence[str] = ()
    alerts: Sequence[str] = ()


def compose(words: Words, style: Style, width: float) -> Heading:
    """Wrap the words above the panels to the width of the page in inches."""
    inner = width - 2 * MARGIN
    small = style.text_size
    return Heading(
        wrap(words.title, inner / 1.08, style.title_size, 2),
        wrap(" · ".join(note for note in words.notes if note), inner, small, 3),
        [line for alert in words.alerts[:4] for line in wrap(f"⚠ {alert}", inner, small, 2)]
        + ([f"⚠ and {len(words.alerts) - 4} more warnings"] if len(words.alerts) > 4 else []),
        style,
    )


def words_of(
    attribution: Attribution,
    target: str | None,
    *,
    title: str | None,
    notes: Sequence[str],
    alerts: Sequence[str] = (),
) -> Words:
    """The words above one map.

    Args:
        attribution: The map.
        target: The target's name, or None.
        title: The method's title for people; None makes one of its name.
        notes: How the map was brought to the picture.
        alerts: What is special about the picture.
    """
    where = [f"for {target}"] if target else []
    where += [f"at layer {attribution.layer}"] if attribution.layer else []
    name = title or human(attribution.method)
    if attribution.label != attribution.method:
        name = f"{attribution.label} ({name})"
    small = [*parameter_words(attribution.parameters), *measure_words(attribution.measures), *notes]
    return Words(" ".join([name, *where]), list(dict.fromkeys(small)), [*status_alerts(attribution), *alerts])


def human(name: str) -> str:
    """A registry name as words: "integrated_gradients" is "Integrated gradients"."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def status_alerts(attribution: Attribution) -> list[str]:
    """What the reader must know, the status first."""
    state = f"no {attribution.shows}, {attribution.status}" if attribution.values is None else attribution.status
    status = [] if state == "ok" else [f"{state}: {attribution.reason or 'no reason given'}"]
    return status + [str(warning) for warning in attribution.warnings]


def parameter_words(parameters: Mapping[str, Any]) -> list[str]:
    """The parameters that change what a map means, as "steps 32"."""
    mattering = {k: v for k, v in parameters.items() if k not in HOUSEKEEPING and v not in (None, (), [])}
    words = [f"{key.replace('_', ' ')} {_value(value)}" for key, value in mattering.items()]
    return words[:SHOWN_PARAMETERS] + (["…"] if len(words) > SHOWN_PARAMETERS else [])


def measure_words(measures: Mapping[str, float]) -> list[str]:
    """Figures computed with the map, as "completeness gap 1.2e-06" or "objective 0.1 → 5"."""
    return [f"{name} {' → '.join(map(_short, values))}" for name, values in told(measures).items()]


def _short(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.2g}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " × ".join(_value(item) for item in value)
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
