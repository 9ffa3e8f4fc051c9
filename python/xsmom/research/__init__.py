"""Questions to the past: backtests, their measures and their reports."""
