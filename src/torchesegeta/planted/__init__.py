"""Planted truth: small models made by hand, so that the right map is known; every method is held against it."""

from torchesegeta.planted.cases import Planted, cases
from torchesegeta.planted.finding import FOUND, PARTLY, Finding, check, chosen, word_of
from torchesegeta.planted.tables import PLANTED, as_csv, as_markdown, as_text, write_csv

__all__ = [
    "FOUND",
    "PARTLY",
    "PLANTED",
    "Finding",
    "Planted",
    "as_csv",
    "as_markdown",
    "as_text",
    "cases",
    "check",
    "chosen",
    "word_of",
    "write_csv",
]
