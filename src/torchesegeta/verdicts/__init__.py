"""Verdicts: what the scores of a method say, question by question, in plain words. Needs no torch."""

from torchesegeta.verdicts.figures import CASCADE, CHANCE, FAITHFULNESS, SENSITIVITY, SIMILARITY
from torchesegeta.verdicts.questions import QUESTIONS, Question, Thresholds
from torchesegeta.verdicts.tables import VERDICTS, in_short, read_verdicts, write_verdicts
from torchesegeta.verdicts.verdict import Answer, Verdict, as_json, judge

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
    "write_verdicts",
]
