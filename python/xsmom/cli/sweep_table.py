"""What `xsmom sweep` prints: costs of the best, the best rows, and what so many trials are worth."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from xsmom.cli.output import print_table
from xsmom.cli.run_table import cost_line
from xsmom.cli.sweep_folder import SweepRun
from xsmom.domain.timeframe import format_timeframe
from xsmom.research.sweep_page import COLUMNS, say_figure, say_luck, say_setting


def print_sweep(run: SweepRun, folder: Path, order: Sequence[int], *, top: int, seconds: float) -> None:
    """The whole answer of the command for people."""
    sweep, panel = run.sweep, run.sweep.panel
    if order:
        print("best: " + cost_line({name: float(values[order[0]]) for name, values in sweep.figures.items()}))
    market = panel.label or run.panel_path or "panel"
    size = f"{panel.bars:,} bars of {format_timeframe(panel.bar_ms)}, {len(panel.symbols)} symbols"
    print(f"{market}: {size}; {run.source}, config hash {run.base.config_hash[:8]}")
    if run.synthetic:
        print("SYNTHETIC market, made up from a seed: these figures say nothing about real returns")
    names = [name for name, values in sweep.settings.items() if any(value != values[0] for value in values)]
    titles = ["config", *(name.rpartition(".")[2] for name in names), *(column[0] for column in COLUMNS)]
    rows = [_cells(run, row, names) for row in order[:top]]
    print_table(titles, rows, [None] * len(rows))
    for line in say_luck(sweep):
        _shout(f"WARNING: {line}")
    print(f"{len(sweep.place):,} configurations in {seconds:,.1f} s; written to {folder}")


def _cells(run: SweepRun, row: int, names: Sequence[str]) -> list[str]:
    sweep = run.sweep
    settings = [say_setting(sweep.settings[name][row]) for name in names]
    return [str(sweep.place[row]), *settings, *(say_figure(sweep, row, column) for column in COLUMNS)]


def _shout(line: str) -> None:
    """In bold red where somebody reads it on a terminal."""
    loud = sys.stdout.isatty()
    print(f"\x1b[1;31m{line}\x1b[0m" if loud else line)
