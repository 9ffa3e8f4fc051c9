"""`xsmom backtest`: simulate a configuration, and say first what it costs."""

from __future__ import annotations

import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from xsmom.cli.market import choose_source, cut_market, open_market

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
    source = choose_source(config)
    resolved = load_config(source, overrides or ())
    market = cut_market(open_market(panel, resolved), since, until)
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
