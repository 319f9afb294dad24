"""A run folder as one HTML file that opens anywhere, without a network."""

from torchesegeta.report.catalogue import MethodInfo
from torchesegeta.report.write import write_report

__all__ = ["MethodInfo", "write_report"]
