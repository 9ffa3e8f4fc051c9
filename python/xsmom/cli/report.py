"""`xsmom report`: look at runs that were written, one by one or side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.errors import DataError, OutputError

if TYPE_CHECKING:
    from xsmom.research.stored_run import Difference, StoredRun

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_SAME = "the same in all"
_SYNTHETIC = "SYNTHETIC market, made up from a seed: these figures say nothing about real returns"


@app.callback()
def report() -> None:
    """Look at runs that were written, one by one or side by side."""


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    as_json: AsJson = False,
) -> None:
    """Show the figures of a run again, and say where its report is.

    \b
    Examples:
      xsmom report show runs/20250301T120000Z-16491e89
      xsmom report show runs/mine --json
    """
    from xsmom.cli.output import print_json, print_table
    from xsmom.cli.run_table import cost_line, cost_warnings, figures
    from xsmom.research.stored_run import read_run

    run = read_run(folder)
    page = folder / "report.html"
    if as_json:
        print_json({"folder": str(folder), "report": str(page) if page.exists() else None, **run.document})
        return
    lines = [cost_line(run.metrics), *cost_warnings(run.metrics), _market_line(run)]
    if run.document["synthetic"]:
        lines.append(_SYNTHETIC)
    lines += [f"warning: {note}" for note in (*run.document["notes"], *run.document["warnings"])]
    print("\n".join(lines))
    rows = figures(run.metrics)
    print_table(("figure", "value", "meaning"), rows, [None] * len(rows))
    print(f"run by: {run.document['command']}")
    print(f"report: {page}" if page.exists() else "report: none (it was run with --no-report)")


@app.command()
def compare(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Two to six run folders; the first is the base.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Also write one offline HTML page with the curves.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set runs side by side: figures, settings that differ, and whether the difference is more than luck.

    The days that a run shares with the first are drawn together (a paired bootstrap), so that what moves
    both drops out. Runs on other data or of another period are compared with a loud warning.

    \b
    Examples:
      xsmom report compare runs/base runs/tuned
      xsmom report compare runs/base runs/tuned runs/wild --out compared.html
      xsmom report compare runs/base runs/tuned --json
    """
    from xsmom.cli.output import print_json
    from xsmom.research.report.overlay import RUNS_MAX
    from xsmom.research.report.wording import say_of
    from xsmom.research.stored_run import compare_days, differing_settings, read_run, unlike_markets

    if not 2 <= len(folders) <= RUNS_MAX:
        raise DataError(f"{say_of(len(folders), 'run')} given: compare two to {RUNS_MAX} run folders")
    if out is not None and out.exists():
        raise OutputError(f"{out} is there already: choose another --out")
    runs = [read_run(folder) for folder in folders]
    warned, changed = unlike_markets(runs), differing_settings(runs)
    differences = [compare_days(runs[0], run) for run in runs[1:]]
    tables = _tables(runs, changed, differences)
    if out is not None:
        _write_page(out, runs, warned, tables)
    if as_json:
        told = [{"run": run.name, **_plain(asdict(found))} for run, found in zip(runs[1:], differences, strict=True)]
        document = {"base": runs[0].name, "warnings": warned, "settings": changed, "differences": told}
        print_json(
            {**document, "metrics": {run.name: run.document["metrics"] for run in runs}, "page": out and str(out)}
        )
        return
    _print(warned, tables, out, synthetic=any(run.document.get("synthetic") for run in runs))


def _market_line(run: StoredRun) -> str:
    panel, config = run.document["panel"], run.document["config"]
    market = run.document["label"] or panel["path"] or "panel"
    return (
        f"{market}: {panel['bars']:,} bars of {panel['timeframe']}, {panel['symbols']} symbols, "
        f"{panel['first_close']} to {panel['last_close']}; {config['source']}, config hash {config['config_hash'][:8]}"
    )


def _tables(
    runs: Sequence[StoredRun], changed: dict[str, list[Any]], differences: Sequence[Difference]
) -> dict[str, tuple[Sequence[str], list[list[str]]]]:
    """Rows of text by title: for the terminal and for the page."""
    from xsmom.cli.run_table import figures

    names = [run.name for run in runs]
    columns = [figures(run.metrics) for run in runs]
    figure_rows = [[rows[0][0], *(row[1] for row in rows)] for rows in zip(*columns, strict=True)]
    settings = [[key, *map(_say, values)] for key, values in changed.items()] or [
        ["all settings", *[_SAME] * len(runs)]
    ]
    percent, span = "{:+.1%}", "{:+.2f} ({:+.2f} to {:+.2f})"
    gains = []
    for name, found in zip(names[1:], differences, strict=True):
        mean = f"{percent.format(found.mean_year_frac)} ({found.low:+.1%} to {found.high:+.1%})"
        sharpe = span.format(found.sharpe, found.sharpe_low, found.sharpe_high)
        verdict = "clear of 0" if found.is_clear else "not clear of 0"
        gains.append([name, mean, sharpe, f"{found.correlation:.3f}", f"{found.days:,}", verdict])
    head = ("run less the base", "mean a year (90 %)", "Sharpe ratio (90 %)", "correlation", "days", "the mean is")
    return {
        "Figures": (("figure", *names), figure_rows),
        "Settings that differ": (("setting", *names), settings),
        f"Against {names[0]}, on the same days": (head, gains),
    }


def _say(value: Any) -> str:
    return "not there" if value is None else str(value)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isfinite(value) else None for name, value in row.items()}


def _print(warned: Sequence[str], tables: dict[str, Any], out: Path | None, *, synthetic: bool) -> None:
    from xsmom.cli.output import print_table

    for text in warned:
        print(f"WARNING: {text}")
        if not sys.stdout.isatty():  # whoever pipes the table away would not see it
            print(f"WARNING: {text}", file=sys.stderr)
    if synthetic:
        print(_SYNTHETIC)
    for title, (head, rows) in tables.items():
        print(f"\n{title}")
        print_table(head, rows, [None] * len(rows))
    if out is not None:
        print(f"\nwritten to {out}")


def _write_page(out: Path, runs: Sequence[StoredRun], warned: Sequence[str], tables: dict[str, Any]) -> None:
    from xsmom.research.report.output import replace_text
    from xsmom.research.report.overlay import write_overlay

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_text(out, write_overlay(runs, warned, tables))
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}; choose another --out") from None
