"""Verdicts: what the scores of a method say, question by question, in plain words. Needs no torch."""

from torchesegeta.verdicts.questions import QUESTIONS, Question, Thresholds
from torchesegeta.verdicts.tables import VERDICTS, write_verdicts
from torchesegeta.verdicts.verdict import Answer, Verdict, as_json, judge

__all__ = [
    "QUESTIONS",
    "VERDICTS",
    "Answer",
    "Question",
    "Thresholds",
    "Verdict",
    "as_json",
    "judge",
    "write_verdicts",
]
