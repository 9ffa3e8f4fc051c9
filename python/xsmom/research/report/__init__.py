"""The report of a run: one HTML file that needs nothing else, and its numbers as JSON beside it."""

from __future__ import annotations

from xsmom.research.report.document import SCHEMA_VERSION
from xsmom.research.report.output import write_report

__all__ = ["SCHEMA_VERSION", "write_report"]
