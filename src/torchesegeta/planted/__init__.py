"""Planted truth: small models made by hand, so that the right map is known; every method is held against it."""

from torchesegeta.planted.cases import Planted, cases
from torchesegeta.planted.finding import FOUND, PARTLY, Finding, check, word_of
from torchesegeta.planted.tables import as_markdown, write_csv

__all__ = ["FOUND", "PARTLY", "Finding", "Planted", "as_markdown", "cases", "check", "word_of", "write_csv"]
