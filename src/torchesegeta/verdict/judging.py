"""Verdicts: numbers over images become an answer per question, and methods are ranked by each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from torchesegeta.verdict.figures import Place, numbers
from torchesegeta.verdict.questions import QUESTIONS, Name, Question, Record, Thresholds, Word

CONFIDENCE = 0.95
"""Of the intervals."""

RESAMPLES = 2000
"""Draws of the bootstrap."""

FEWEST = 3
"""Images from which on an interval is given: of two, resampling can only give the two and their mean."""


@dataclass(frozen=True)
class Answer:
    """What a question's number says of a method.

    Attributes:
        word: `yes`, `weak`, `no`; `not tested` without a score; `not claimed` where the method promises nothing.
        value: Mean over images of the means over the targets of an image.
        low: Lower end of its bootstrap interval over images; None of few images.
        high: Upper end.
        images: How many there are.
        rank: Place among the methods, from 1; equal ones share it.
        sure: Whether the whole interval gives the same word; None without one.
    """

    word: Word
    value: float | None = None
    low: float | None = None
    high: float | None = None
    images: int = 0
    rank: int | None = None
    sure: bool | None = None


@dataclass(frozen=True)
class Verdict:
    """The answers for a method, at one layer.

    Attributes:
        label: The method's name in the run.
        method: Its registry name.
        layer: Of its maps, or None.
        answers: By question.
    """

    label: str
    method: str
    layer: str | None
    answers: dict[Name, Answer] = field(default_factory=dict)

    @property
    def word(self) -> Word:
        """The worst of its answers; `not tested` without any."""
        words = [answer.word for answer in self.answers.values()]
        order: tuple[Word, ...] = ("no", "weak", "yes")
        return next((word for word in order if word in words), "not tested")

    @property
    def open(self) -> list[Question]:
        """Questions that were not tested."""
        return [QUESTIONS[name] for name, answer in self.answers.items() if answer.word == "not tested"]


def judge(scores: Iterable[Record], maps: Iterable[Record] = (), thresholds: Thresholds | None = None) -> list[Verdict]:
    """Answer the questions of a verdict for every method that was judged, and rank the methods by each.

    Args:
        scores: Lines of scores, as in a manifest.
        maps: Lines of maps, whose methods may report a completeness gap.
        thresholds: From where on an answer is yes, weak or no.

    Returns:
        Those with the fewest complaints first. Empty where no score answers a question.
    """
    scores, maps, thresholds = list(scores), list(maps), thresholds or Thresholds()
    found: dict[tuple[str, str | None], dict[Name, list[tuple[Place, float]]]] = {}
    for name, place, value in numbers(scores, maps):
        found.setdefault((place.label, place.layer), {}).setdefault(name, []).append((place, value))
    tested = {(str(score["label"]), score.get("layer")) for score in scores}
    methods = {(str(r["label"]), r.get("layer")): str(r["method"]) for r in (*scores, *maps)}
    if not any(name != "complete" for key in tested for name in found.get(key, ())):
        return []
    verdicts = [
        Verdict(label, methods[label, layer], layer, _answers(found.get((label, layer), {}), thresholds))
        for label, layer in methods
        if (label, layer) in tested
    ]
    return sorted(_ranked(verdicts), key=_complaints)


def _answers(found: dict[Name, list[tuple[Place, float]]], thresholds: Thresholds) -> dict[Name, Answer]:
    answers: dict[Name, Answer] = {}
    for name, question in QUESTIONS.items():
        if name in found:
            answers[name] = _answer(question, found[name], thresholds)
        else:
            answers[name] = Answer("not claimed" if name == "complete" else "not tested")
    return answers


def _answer(question: Question, found: Sequence[tuple[Place, float]], thresholds: Thresholds) -> Answer:
    by_image: dict[str, list[float]] = {}
    for place, value in found:
        by_image.setdefault(place.image, []).append(value)
    means = [sum(values) / len(values) for values in by_image.values()]
    value = sum(means) / len(means)
    word, interval = question.word(value, thresholds), interval_of(means)
    if interval is None:
        return Answer(word, value, images=len(means))
    sure = all(question.word(end, thresholds) == word for end in interval)
    return Answer(word, value, *interval, images=len(means), sure=sure)


def interval_of(values: Sequence[float]) -> tuple[float, float] | None:
    """Bootstrap interval of the mean; None of fewer than three values."""
    from scipy.stats import bootstrap

    if len(values) < FEWEST:
        return None
    if len(set(values)) == 1:
        return values[0], values[0]
    found = bootstrap(
        (np.asarray(values),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _ranked(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same, with places."""
    ranks: dict[tuple[int, Name], int] = {}
    for name, question in QUESTIONS.items():
        values = [(number, verdict.answers[name].value) for number, verdict in enumerate(verdicts)]
        known = [(number, value if question.low_is_good else -value) for number, value in values if value is not None]
        for number, value in known:
            ranks[number, name] = 1 + sum(other < value for _, other in known)
    return [
        Verdict(
            verdict.label,
            verdict.method,
            verdict.layer,
            {name: _placed(answer, ranks.get((number, name))) for name, answer in verdict.answers.items()},
        )
        for number, verdict in enumerate(verdicts)
    ]


def _placed(answer: Answer, rank: int | None) -> Answer:
    return Answer(answer.word, answer.value, answer.low, answer.high, answer.images, rank, answer.sure)


def _complaints(verdict: Verdict) -> tuple[int, int, int]:
    """By the number of questions that it fails, where it is weak, and that are open."""
    words = [answer.word for answer in verdict.answers.values()]
    return words.count("no"), words.count("weak"), words.count("not tested")


def as_json(verdicts: Sequence[Verdict], thresholds: Thresholds) -> dict[str, Any]:
    """Verdicts with their questions and thresholds, as JSON."""
    questions = [
        {"name": q.name, "text": q.text, "figure": q.figure, "rule": q.rule(thresholds)} for q in QUESTIONS.values()
    ]
    return {
        "confidence": CONFIDENCE,
        "thresholds": thresholds.model_dump(mode="json"),
        "questions": questions,
        "verdicts": [_one(verdict) for verdict in verdicts],
    }


def _one(verdict: Verdict) -> dict[str, Any]:
    answers = {name: {k: _finite(v) for k, v in vars(answer).items()} for name, answer in verdict.answers.items()}
    about = {"label": verdict.label, "method": verdict.method, "layer": verdict.layer}
    return {**about, "word": verdict.word, "answers": answers}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value
