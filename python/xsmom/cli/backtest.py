"""`xsmom backtest`: simulate a configuration, and say first what it costs."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xsmom.cli.main import EXIT_FOUND
from xsmom.cli.market import (
    ConfigFile,
    DataDir,
    Overrides,
    PanelFile,
    Since,
    Timeframe,
    Until,
    choose_panel,
    choose_source,
    cut_market,
    open_market,
    with_timeframe,
)
from xsmom.cli.progress import ProgressBar
from xsmom.cli.survey_choice import Venue

if TYPE_CHECKING:
    from xsmom.config.resolved import Resolved
    from xsmom.lake.panel import Panel
    from xsmom.live.parity import Parity
    from xsmom.research.check import Examination
    from xsmom.research.result import Result

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

app = typer.Typer(invoke_without_command=True)


@app.callback()
def backtest(
    ctx: typer.Context,
    fast: Annotated[
        bool, typer.Option("--fast", help="The simulation in the Rust core, without the live engine.")
    ] = False,
    config: ConfigFile = None,
    panel: PanelFile = None,
    data: DataDir = None,
    venue: Venue = None,
    timeframe: Timeframe = None,
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

    Without --fast every bar goes through the live engine, with its gates and orders, and is compared with the
    simulation at the end: a thousand times slower, and the same lots at every bar.

    The first line is turnover and cost. Without --panel or --data it runs on a seeded synthetic market, which
    shows that everything works and says nothing about any strategy. --from and --to cut the panel, so
    the first bars of the span are history for the look-backs.

    \b
    Examples:
      xsmom backtest --fast
      xsmom backtest --from 2024-01-01 --no-report
      xsmom backtest --fast --config classic --panel market.panel --from 2024-01-01
      xsmom backtest --fast --data lake --timeframe 4h
      xsmom backtest --fast --set costs.taker_fee_bps=3 --json --no-report
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options_before(ctx)
        return
    from xsmom.api import backtest as simulate
    from xsmom.cli.replay import print_parity
    from xsmom.cli.run_folder import Run, write_run
    from xsmom.cli.run_table import print_run
    from xsmom.config.load import load_config

    source = choose_source(config)
    resolved = load_config(source, with_timeframe(overrides, timeframe))
    panel = choose_panel(panel, data, resolved)
    market = cut_market(open_market(panel, data, venue, resolved), since, until)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the same notes are printed below
        result, parity = (simulate(market, resolved), None) if fast else _replay(market, resolved)
    started = datetime.now(UTC)
    given = panel or data
    command, path = ("xsmom", *sys.argv[1:]), None if given is None else str(given)
    run = Run(result, source, path, started, command, report=not no_report)
    folder = write_run(run, out)
    if as_json:
        from xsmom.cli.output import print_json

        print_json({"folder": str(folder), **run.document(), "parity": parity and parity.document()})
        return
    print_run(run, folder)
    if parity is not None:
        print_parity(parity)


def _replay(market: Panel, resolved: Resolved) -> tuple[Result, Parity]:
    """The same span through the live engine."""
    from xsmom.api import replay

    with ProgressBar("replaying bars through the engine") as tell:
        return replay(market, resolved, progress=tell)


@app.command()
def check(
    config: ConfigFile = None,
    panel: PanelFile = None,
    data: DataDir = None,
    venue: Venue = None,
    timeframe: Timeframe = None,
    since: Since = None,
    until: Until = None,
    overrides: Overrides = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="future, warm-up, account or shuffled; may be repeated.  [default: all]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of noise and shuffles.", metavar="N", min=0)] = 0,
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

    source = choose_source(config)
    resolved = load_config(source, with_timeframe(overrides, timeframe))
    panel = choose_panel(panel, data, resolved)
    market = cut_market(open_market(panel, data, venue, resolved), since, until)
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
