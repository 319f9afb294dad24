"""Numbers and places as words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from torchesegeta.figures.measures import told
from torchesegeta.report.records import Record

SIDES = {"R": "right", "L": "left", "A": "anterior", "P": "posterior", "S": "superior", "I": "inferior"}


def duration(seconds: float | None) -> str:
    """Seconds as "0.42 s", "2 min 5 s" or "1 h 3 min"."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(stamp: str | None) -> str:
    """An ISO time as "2026-01-31 14:05 UTC"."""
    try:
        return datetime.fromisoformat(stamp or "").strftime("%Y-%m-%d %H:%M %Z").strip()
    except ValueError:
        return stamp or "–"


def size(count: float | None) -> str:
    """Bytes as "1.2 GB"."""
    if count is None:
        return "–"
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def measures(values: Mapping[str, Any] | None) -> str:
    """Measures as "completeness gap 1.2e-06; infidelity 0.03; objective 0.1 → 5.4"."""
    return "; ".join(f"{name} {' → '.join(map(_number, found))}" for name, found in told(values or {}).items())


def _number(value: float) -> str:
    return f"{value:{'.0f' if float(value).is_integer() else '.3g'}}"


def parameters(values: Mapping[str, Any] | None) -> str:
    """Parameters as "steps = 32, baseline = zero"; those that were left open are left out."""
    given = {k: v for k, v in (values or {}).items() if v is not None and k not in ("name", "label")}
    return ", ".join(f"{k} = {str(v).lower() if isinstance(v, bool) else v}" for k, v in given.items())


def times(numbers: Any) -> str:
    """Sizes as "160 × 160 × 96"."""
    return " × ".join(f"{number:.4g}" for number in numbers or ())


def orientation(affine: Any, axes: int) -> str:
    """Where the axes of an image point, as "left, posterior, superior (LPS)"."""
    if affine is None:
        return "no place in space"
    from nibabel.orientations import aff2axcodes

    codes = aff2axcodes(np.asarray(affine, dtype=float))[:axes]
    return f"{', '.join(SIDES.get(code, '?') for code in codes)} ({''.join(code or '?' for code in codes)})"


def name_of(record: Record, title: str) -> str:
    """A map as "Saliency for vessel at encoder.0 on head"; pictures of the model itself are on no image."""
    label = record.get("label")
    parts = [title if label in (None, record.get("method")) else f"{label} ({title})"]
    target = record.get("target")
    if target is not None:
        parts.append(f"for class {target}" if target == str(record.get("target_index")) else f"for {target}")
    parts += [f"at {record['layer']}"] if record.get("layer") else []
    return " ".join(parts if record.get("of_model") else [*parts, f"on {record.get('image')}"])
