"""`xsmom backtest`: simulate a configuration, and say first what it costs."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.progress import ProgressBar
from xsmom.errors import DataError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.lake.panel import Panel

DEFAULT_FILE = Path("config.yaml")
DEFAULT_PROFILE = "weekly"
SAMPLE_SYMBOLS = 40
SAMPLE_DAYS = 730
SAMPLE_BARS_MAX = 8_760

app = typer.Typer(help="Simulate a configuration.")


@app.command()
def backtest(
    fast: Annotated[bool, typer.Option("--fast", help="The simulation in the Rust core.")] = False,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A YAML file, or a shipped profile: classic or weekly.  [default: ./config.yaml, else weekly]",
        ),
    ] = None,
    panel: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Panel file; without one, a synthetic sample market.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day, UTC; its history is cut off too.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day, UTC, included.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="New run folder.  [default: runs/<UTC>-<config hash>]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no report.html.")] = False,
) -> None:
    """Simulate a configuration over a panel: every cost in it, every convention stated.

    The first line is turnover and cost. Without --panel it runs on a seeded synthetic market, which
    shows that everything works and says nothing about any strategy. --from and --to cut the panel, so
    the first bars of the span are history for the look-backs.

    \b
    Examples:
      xsmom backtest --fast
      xsmom backtest --fast --config classic --panel market.panel --from 2024-01-01
      xsmom backtest --fast --set costs.taker_fee_bps=3 --json --no-report
    """
    from xsmom.api import backtest as simulate
    from xsmom.cli.run_folder import Run, write_run
    from xsmom.cli.run_table import print_run
    from xsmom.config.load import load_config

    if not fast:
        raise typer.BadParameter(
            "the replay through the live engine is not available in this version; add --fast", param_hint="--fast"
        )
    source = config or (str(DEFAULT_FILE) if DEFAULT_FILE.exists() else DEFAULT_PROFILE)
    resolved = load_config(source, overrides or ())
    market = _cut(_open(panel, resolved), since, until)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the same notes are printed below
        result = simulate(market, resolved)
    started = datetime.now(UTC)
    run = Run(result, source, None if panel is None else str(panel), started, ("xsmom", *sys.argv[1:]))
    folder = write_run(run, out, report=not no_report)
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"folder": str(folder), **run.document()})
        return
    print_run(run, folder)


def _open(path: Path | None, config: Resolved) -> Panel:
    from xsmom.lake.panel import Panel

    if path is not None:
        return Panel.open(path)
    from xsmom.domain.timeframe import DAY_MS
    from xsmom.lake.sample import SampleMarket

    bar_ms: Any = config.params()["bar_ms"]
    bars = min(SAMPLE_DAYS * DAY_MS // bar_ms, SAMPLE_BARS_MAX)
    with ProgressBar("making a sample market") as tell:
        return SampleMarket(SAMPLE_SYMBOLS, bars, bar_ms).build(tell)


def _cut(panel: Panel, since: str | None, until: str | None) -> Panel:
    """Bars that lie wholly within the days from `since` to `until`."""
    from xsmom.domain.stamps import format_ms
    from xsmom.domain.timeframe import DAY_MS

    first = 0 if since is None else int((panel.close_ms - panel.bar_ms < _day_ms("--from", since)).sum())
    end = panel.bars if until is None else int((panel.close_ms <= _day_ms("--to", until) + DAY_MS).sum())
    if first >= end:
        span = f"{format_ms(int(panel.close_ms[0]) - panel.bar_ms)} to {format_ms(int(panel.close_ms[-1]))}"
        raise DataError(f"no bar lies within --from {since} --to {until}: the panel spans {span}")
    return panel.slice(first, end)


def _day_ms(option: str, text: str) -> int:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day: write it as 2024-01-31", param_hint=option) from None
    return int(day.timestamp()) * 1000
