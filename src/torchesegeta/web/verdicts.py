"""The verdicts of a run folder as the table of maps shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from torchesegeta.errors import StoreError
from torchesegeta.verdict import read_verdicts
from torchesegeta.web.answers import Answer

Verdicts: TypeAlias = Mapping[tuple[str, str | None], list[Answer]]
"""Answers to the questions, by a method's name in the run and the layer of its maps."""


def verdicts_of(folder: Path) -> Verdicts:
    """What `verdicts.json` says; empty where there is none, or it is damaged: maps are shown without it."""
    try:
        content = read_verdicts(folder) or {"verdicts": [], "questions": []}
        questions = {str(one["name"]): one for one in content["questions"]}
        return {(str(one["label"]), one.get("layer")): _answers(one, questions) for one in content["verdicts"]}
    except (StoreError, ValidationError, AttributeError, KeyError, TypeError):
        return {}


def _answers(verdict: Mapping[str, Any], questions: Mapping[str, Mapping[str, Any]]) -> list[Answer]:
    """In the order of the questions."""
    given = verdict["answers"]
    texts = {"question": "text", "figure": "figure", "rule": "rule"}
    return [
        Answer.model_validate({**given[name], "name": name, **{key: about[own] for key, own in texts.items()}})
        for name, about in questions.items()
        if name in given
    ]
