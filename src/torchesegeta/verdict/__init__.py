"""Verdicts: what the scores of a method say, question by question, in plain words. Needs no torch."""

from torchesegeta.verdict.figures import CASCADE, CHANCE, FAITHFULNESS, SENSITIVITY, SIMILARITY
from torchesegeta.verdict.judging import Answer, Verdict, as_json, judge
from torchesegeta.verdict.questions import QUESTIONS, Question, Thresholds
from torchesegeta.verdict.tables import VERDICTS, in_short, read_verdicts, write_scores, write_verdicts

__all__ = [
    "CASCADE",
    "CHANCE",
    "FAITHFULNESS",
    "QUESTIONS",
    "SENSITIVITY",
    "SIMILARITY",
    "VERDICTS",
    "Answer",
    "Question",
    "Thresholds",
    "Verdict",
    "as_json",
    "in_short",
    "judge",
    "read_verdicts",
    "write_scores",
    "write_verdicts",
]
