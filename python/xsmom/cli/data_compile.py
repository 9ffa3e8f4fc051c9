"""`xsmom data compile`: one panel file of a market in the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xsmom.cli.choice import AsJson, Overrides
from xsmom.cli.lake_choice import LakeDir
from xsmom.cli.progress import ProgressBar
from xsmom.cli.survey_choice import (
    ConfigFile,
    Symbols,
    Venue,
    load_rules,
    make_survey,
    open_lake,
    pick_venue,
    print_rules,
    split_symbols,
)


def compile_(
    lake: LakeDir = None,
    venue: Venue = None,
    timeframe: Annotated[
        str, typer.Option(metavar="TF", help="Length of a bar; made of smaller ones if the lake has none.")
    ] = "1h",
    symbols: Symbols = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day, UTC.", show_default=False)
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day, UTC, included.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Panel file to write.")] = Path("market.panel"),
    config: ConfigFile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Make one panel file: dense, sorted, hashed, ready to run on.

    Does with every row what `data check` says. An absent or a bad bar is NaN; nothing is filled. An
    instrument that was relisted under its old ticker becomes SYMBOL and SYMBOL.2; delisted ones stay.
    An old PATH is replaced when the new one is whole.

    \b
    Examples:
      xsmom data compile
      xsmom data compile --venue binance --timeframe 4h --from 2022-01-01 --out perps.panel
      xsmom data compile --symbols BTCUSDT,ETHUSDT,SOLUSDT --json
    """
    from xsmom.domain.stamps import parse_ms
    from xsmom.domain.timeframe import DAY_MS
    from xsmom.lake.compile import compile_panel
    from xsmom.lake.panel_file import read_header

    opened = open_lake(lake)
    _, limits, changes = load_rules(config, overrides)
    name = pick_venue(opened, venue)
    survey = make_survey(opened, name, timeframe, split_symbols(symbols), limits, changes)
    since_ms = None if since is None else parse_ms(since)
    until_ms = None if until is None else parse_ms(until) + (DAY_MS if len(until.strip()) == len("2024-01-31") else 0)
    with opened.reading(), ProgressBar("compiling") as tell:
        made = compile_panel(survey, out, since_ms=since_ms, until_ms=until_ms, progress=tell)
    header = read_header(out)
    if as_json:
        from xsmom.cli.output import print_json

        fields = ("bars", "bar_ms", "first_close_ms", "last_close_ms", "symbols", "label", "provenance", "hash")
        document = {"path": str(out), **{field: getattr(header, field) for field in fields}}
        print_json({**document, "findings": [finding.document() for finding in made.findings]})
        return
    from xsmom.domain.stamps import format_ms

    typer.echo(
        f"{out}: {header.bars:,} bars of {timeframe}, {len(header.symbols)} instruments, closes from "
        f"{format_ms(header.first_close_ms)} to {format_ms(header.last_close_ms)}, {header.file_bytes / 1e6:,.1f} MB"
    )
    if made.findings:
        typer.echo()
        print_rules(made.findings)
