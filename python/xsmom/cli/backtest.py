"""`xsmom backtest`: simulate a configuration, and say first what it costs."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xsmom.cli.doctor import EXIT_FOUND
from xsmom.cli.progress import ProgressBar
from xsmom.errors import DataError

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.lake.panel import Panel
    from xsmom.research.check import Examination

DEFAULT_FILE = Path("config.yaml")
DEFAULT_PROFILE = "weekly"
SAMPLE_SYMBOLS = 40
SAMPLE_DAYS = 730
SAMPLE_BARS_MAX = 8_760

ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A YAML file, or a shipped profile: classic or weekly.  [default: ./config.yaml, else weekly]",
    ),
]
PanelFile = Annotated[
    Path | None, typer.Option("--panel", metavar="PATH", help="Panel file; without one, a synthetic sample market.")
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="DATE", help="First day, UTC; its history is cut off too.")
]
Until = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last day, UTC, included.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def backtest(
    ctx: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="The simulation in the Rust core.")] = False,
    config: ConfigFile = None,
    panel: PanelFile = None,
    since: Since = None,
    until: Until = None,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="New run folder.  [default: runs/<UTC>-<config hash>]")
    ] = None,
    as_json: AsJson = False,
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
    if ctx.invoked_subcommand is not None:
        _refuse_options_before(ctx)
        return
    from xsmom.api import backtest as simulate
    from xsmom.cli.run_folder import Run, write_run
    from xsmom.cli.run_table import print_run
    from xsmom.config.load import load_config

    if not fast:
        raise typer.BadParameter(
            "the replay through the live engine is not available in this version; add --fast", param_hint="--fast"
        )
    source = _source(config)
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


@app.command()
def check(
    config: ConfigFile = None,
    panel: PanelFile = None,
    since: Since = None,
    until: Until = None,
    overrides: Overrides = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="future, warm-up, account or shuffled; may be repeated.  [default: all]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of noise and shuffles.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Examine the backtest itself, with your configuration on your panel.

    Does anything up to a bar change when the data end there, or when all that follows is noise? Does a
    decision hang on where history begins? Does every dollar of the account add up, and do fees double
    when they are doubled? With the names shuffled, is minus the costs what is left? Exit code 1 when a
    check fails. `xsmom.check` in Python does the same for weights of your own.

    \b
    Examples:
      xsmom backtest check
      xsmom backtest check --config classic --panel market.panel --set costs.fill_delay_bars=1
      xsmom backtest check --only future --only account --json
    """
    from xsmom.api import check as examine
    from xsmom.config.load import load_config

    source = _source(config)
    resolved = load_config(source, overrides or ())
    market = _cut(_open(panel, resolved), since, until)
    with ProgressBar("examining the backtest") as tell:
        found = examine(market, resolved, only=only, seed=seed, progress=tell)
    if as_json:
        from xsmom.cli.output import print_json

        told = {"passed": found.passed, "config": source, "panel": None if panel is None else str(panel)}
        print_json({**told, "panel_hash": market.hash, "seed": seed, "checks": found.document()})
    else:
        _show_checks(found, f"{source} on {market.label or panel}")
    if not found.passed:
        raise typer.Exit(EXIT_FOUND)


def _show_checks(found: Examination, subject: str) -> None:
    from xsmom.cli.output import print_table

    rows = [
        (
            row.check,
            "pass" if row.passed else "FAIL",
            f"{row.measured:.3g}",
            f"{row.tolerance:g} {row.unit}",
            row.sentence,
        )
        for row in found.findings
    ]
    styles = [None if row.passed else "red" for row in found.findings]
    print_table(("check", "result", "measured", "tolerated", "meaning"), rows, styles)
    failed = ", ".join(row.check for row in found.failed)
    print(f"{subject}: {'every check passed' if found.passed else f'FAILED: {failed}'}")


def _refuse_options_before(ctx: typer.Context) -> None:
    """An option in front of a sub-command would be read and forgotten."""
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            inner = ctx.invoked_subcommand
            raise typer.BadParameter(f"options of {inner} come after it: xsmom backtest {inner} ...")


def _source(config: str | None) -> str:
    return config or (str(DEFAULT_FILE) if DEFAULT_FILE.exists() else DEFAULT_PROFILE)


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
