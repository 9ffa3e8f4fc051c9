"""Questions to the past: backtests, their measures and their reports."""

from xsmom.research import statistics as statistics
