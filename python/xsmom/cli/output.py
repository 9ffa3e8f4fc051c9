"""How commands print: JSON for machines, a table for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence


def print_json(document: object) -> None:
    """One JSON document on stdout; keys in the order in which they were put in."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _lay_out(rows: Sequence[Sequence[str]]) -> str:
    """For a file or a pipe: whole lines, so that whoever greps them meets no line break of ours, and no rich."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str | None]) -> None:
    """Rows under column titles; colour only where stdout is a terminal. One style per row."""
    if not (sys.stdout.isatty() or os.environ.get("FORCE_COLOR") or os.environ.get("TTY_COMPATIBLE")):
        sys.stdout.write(_lay_out([columns, *rows]))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*row, style=style)
    console = Console()
    if not console.is_terminal:
        console.width = 10_000
    # Captured and written by us, because rich ends the process by itself at a closed pipe.
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
