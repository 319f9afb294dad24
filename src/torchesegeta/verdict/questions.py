"""The questions of a verdict, what answers them, and from where on an answer is yes, weak or no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import Field, model_validator

from torchesegeta.validation import Strict

Record: TypeAlias = Mapping[str, Any]
Name = Literal["weights", "stable", "faithful", "complete"]
Word = Literal["yes", "weak", "no", "not tested", "not claimed"]

ALIKE_LITTLE, ALIKE = 0.5, 0.8
"""Rank correlation with the map of a model whose weights are all random, where either map is not 0. An edge detector
keeps 1. Maps of magnitude keep some of it whatever the model, since what lies in the middle of the target's region is
seen more often. Above 0.8 hardly anything was learnt."""

CHANGES_LITTLE, CHANGES = 0.5, 1.0
"""Largest change of the map, as a share of its own size, when voxels move by at most 2 % of the image's range. At 1 the
change is as large as the map."""

AHEAD, HARDLY_AHEAD = 0.1, 0.02
"""How much earlier the score falls (deletion) or rises (insertion) than along random maps, as an area between 0 and 1:
of a score that is about linear random maps have 0.5, and the best have near 0 or 1."""

GAP_SMALL, GAP = 0.05, 0.2
"""How far the sum of the map is from the score's change, as a share of it. What is left comes from too few steps or
operations without a rule; a fifth is more than many regions' whole share."""


class Thresholds(Strict):
    """From where on an answer is yes, weak or no. The means over images are compared with them."""

    weights_yes: float = Field(
        ALIKE_LITTLE, description="Similarity to the map of a random model up to which a map depends on the weights."
    )
    weights_no: float = Field(ALIKE, description="Similarity above which it does not.")
    stable_yes: float = Field(CHANGES_LITTLE, ge=0, description="Sensitivity up to which a map is stable.")
    stable_no: float = Field(CHANGES, ge=0, description="Sensitivity above which it is not.")
    faithful_yes: float = Field(
        AHEAD, description="Lead over random maps in deletion and insertion from which on a map is faithful."
    )
    faithful_no: float = Field(HARDLY_AHEAD, description="Lead below which it is not.")
    complete_yes: float = Field(GAP_SMALL, ge=0, description="Completeness gap up to which a map is complete.")
    complete_no: float = Field(GAP, ge=0, description="Completeness gap above which it is not.")

    @model_validator(mode="after")
    def _in_order(self) -> Thresholds:
        for question in QUESTIONS.values():
            yes, no = self.of(question.name)
            if yes != no and (yes > no) == question.low_is_good:
                sign = "at most" if question.low_is_good else "at least"
                raise ValueError(f"'{question.name}_yes' must be {sign} '{question.name}_no', got {yes:g} and {no:g}")
        return self

    @classmethod
    def of_run(cls, about: Mapping[str, Any]) -> Thresholds:
        """Those that a run's config sets in `evaluation.verdict`; `about` is the content of its `run.json`."""
        config = about.get("config")
        evaluation = config.get("evaluation") if isinstance(config, Mapping) else None
        return cls.model_validate((evaluation or {}).get("verdict") or {})

    def of(self, name: Name) -> tuple[float, float]:
        """(yes, no) of a question."""
        return getattr(self, f"{name}_yes"), getattr(self, f"{name}_no")


@dataclass(frozen=True)
class Question:
    """A question that a verdict answers.

    Attributes:
        name: Its key.
        text: As people ask it.
        figure: What the number is that answers it.
        low_is_good: Whether small numbers are good.
    """

    name: Name
    text: str
    figure: str
    low_is_good: bool = True

    def word(self, value: float, thresholds: Thresholds) -> Word:
        """The answer that a number gives."""
        yes, no = thresholds.of(self.name)
        if value <= yes if self.low_is_good else value >= yes:
            return "yes"
        return "no" if (value > no if self.low_is_good else value < no) else "weak"

    def rule(self, thresholds: Thresholds) -> str:
        """The thresholds in words."""
        yes, no = thresholds.of(self.name)
        if self.low_is_good:
            return f"yes up to {yes:g}, no above {no:g}"
        return f"yes from {yes:g}, no below {no:g}"


QUESTIONS: dict[Name, Question] = {
    one.name: one
    for one in (
        Question(
            "weights",
            "Does it depend on what was learnt?",
            "similarity to the map of the same model with random weights",
        ),
        Question("stable", "Does it stay where the image hardly changes?", "largest relative change of the map"),
        Question(
            "faithful",
            "Does it know what moves the score?",
            "lead over random maps in deletion and insertion",
            low_is_good=False,
        ),
        Question("complete", "Does it add up to the score?", "completeness gap"),
    )
}
